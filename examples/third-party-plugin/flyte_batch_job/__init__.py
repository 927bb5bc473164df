"""Tasks of type ``batch-job`` as Jobs of Kubernetes (``batch/v1``): one task, many pods, tried again by Kubernetes."""
