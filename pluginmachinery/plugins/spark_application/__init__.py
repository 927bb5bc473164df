"""The Spark operator's SparkApplication (``sparkoperator.k8s.io/v1beta2``).

An application has one *driver* and any number of *executors*; Spark's own configuration, the *settings*, says much of
what Kubernetes has fields for. The parts: ``settings`` (the task's and the platform's, and the features that stand for
several), ``pods`` (driver and executor from the task's pod) and ``status`` (states → phases, links).
"""
