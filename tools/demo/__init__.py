"""The main job end to end, on a real API server: ``python -m tools.demo`` (``make demo``).

Two environments are rendered from one layered source, one is installed with helm and one with kustomize, a controller
runs for each – with the ConfigMap and the service account that were installed – and a handful of tasks shows what
becomes of them. Every row of the table at the end is checked; the command fails when one is not as it should be.
"""
