"""KubeRay's RayJob (``ray.io/v1``): a Ray cluster, and the job that is submitted to it.

A cluster has one *head* and groups of *workers*. All their pods come from the task's own: ``pods`` makes them,
``cluster`` puts the cluster together, ``runtime_env`` reads what the job wants installed, ``status`` tells how it
stands.
"""
