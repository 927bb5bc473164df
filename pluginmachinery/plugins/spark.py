"""``spark``: a Spark application, run by the Spark operator.

What the driver runs is the task's container image and arguments; Spark's settings, and pods of their own for driver and
executors, come in the custom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyteidl.plugins import spark_pb2

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.phases import PhaseInfo
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata
from pluginmachinery.core.versions import raise_version
from pluginmachinery.plugins.custom import read_custom
from pluginmachinery.plugins.spark_application import pods
from pluginmachinery.plugins.spark_application.settings import settings
from pluginmachinery.plugins.spark_application.status import application_info, application_phase

SUBMISSION_RETRIES = 14
"""How often the operator submits again, which it has to where a quota is in the way for a while."""

_IDENTITY = {"apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication"}
# The operator appends to the name: "-ui-svc" for a service, whose name has at most 63 characters.
_PROPERTIES = PluginProperties(generated_name_max_length=50)
_LANGUAGES = {
    spark_pb2.SparkApplication.PYTHON: "Python",
    spark_pb2.SparkApplication.JAVA: "Java",
    spark_pb2.SparkApplication.SCALA: "Scala",
    spark_pb2.SparkApplication.R: "R",
}


class SparkPlugin:
    """Tasks of type ``spark``."""

    id = "spark"
    resource = ResourceKind(_IDENTITY["apiVersion"], _IDENTITY["kind"], "sparkapplications")
    properties: PluginProperties = _PROPERTIES

    def build_resource(self, task: TaskContext) -> dict[str, Any]:
        """The SparkApplication without its identity.

        Raises PluginError ``BadTaskSpecification`` for a custom that does not fit, one that names neither a file nor a
        class to run, or a pod that can not be built.
        """
        job = read_custom(task.template, spark_pb2.SparkJob)
        if not job.mainApplicationFile and not job.mainClass:
            raise bad_task("a Spark job needs a mainApplicationFile or a mainClass", field="custom")
        spark_conf = settings(job, task)
        driver, executor = pods.driver(job, spark_conf, task), pods.executor(job, spark_conf, task)
        spec: dict[str, Any] = {
            "type": _LANGUAGES.get(job.applicationType, "Python"),
            "mode": "cluster",
            "image": executor.container.get("image", ""),
            "arguments": list(executor.container.get("args") or ()),
            "driver": driver.spec,
            "executor": executor.spec,
            "sparkConf": spark_conf,
            "hadoopConf": dict(job.hadoopConf),
            "sparkVersion": "",
            # The application itself is tried again as a new attempt of the task.
            "restartPolicy": {"type": "OnFailure", "onSubmissionFailureRetries": SUBMISSION_RETRIES},
        }
        if "spark.batchScheduler" in spark_conf:
            spec["batchScheduler"] = spark_conf["spark.batchScheduler"]
        if job.mainApplicationFile:
            spec["mainApplicationFile"] = job.mainApplicationFile
        if job.mainClass:
            spec["mainClass"] = job.mainClass
        return {**_IDENTITY, "spec": spec}

    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]:  # noqa: ARG002 - all are alike
        return dict(_IDENTITY)

    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
        """How the application stands. Raises PluginError ``MalformedResource``."""
        info = application_info(resource, context.task)
        return raise_version(application_phase(resource, info), context.saved)
