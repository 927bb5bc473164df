"""The release: how the controller itself is installed, as opposed to how it is configured.

``values`` is the one source of the chart's ``values.yaml``, its schema and its README, and of what a layer's
``release.yaml`` may say. ``manifests`` makes the Kubernetes objects of a release for kustomize; the chart's templates
make the same ones, and a test compares them.
"""
