"""Spark's settings (``sparkConf``): the platform's defaults, the task's own, and what follows from both.

A *feature* is a name for several settings; a task switches it on with ``spark.flyte.<name>.enabled: true``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pluginmachinery.config.spark import SparkFeature
from pluginmachinery.core.tasks import TaskContext

if TYPE_CHECKING:
    from flyteidl.plugins.spark_pb2 import SparkJob

_FEATURE = re.compile(r"spark.(?:flyteorg|flyte).(.+).enabled")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_INT32 = range(-(2**31), 2**31)


def settings(job: SparkJob, task: TaskContext) -> dict[str, str]:
    """The settings of an application; those that the plugin itself sets win."""
    config = task.config.plugins.spark
    result = dict(config.spark_config_default)
    if job.executorPath:
        result["spark.pyspark.python"] = job.executorPath
        result["spark.pyspark.driver.python"] = job.executorPath
    for key in sorted(job.sparkConf):
        result |= _setting(key, job.sparkConf[key], config.features)
    for role in ("driver", "executor"):
        _limit_cores(result, role)
    result["spark.kubernetes.executor.podNamePrefix"] = task.metadata.generated_name
    result["spark.kubernetes.driverEnv.FLYTE_START_TIME"] = str(int(task.now.timestamp() * 1000))
    return result


def number(settings: Mapping[str, str], key: str) -> int | None:
    """A whole number other than 0 that fits 32 bits; None: there is none."""
    text = settings.get(key, "")
    if not _INTEGER.fullmatch(text) or int(text) not in _INT32:
        return None
    return int(text) or None


def _setting(key: str, value: str, features: Sequence[SparkFeature]) -> Mapping[str, str]:
    """A setting, or all those of the feature that it switches on; of several of one name the first counts."""
    switch = _FEATURE.fullmatch(key)
    if switch and value.strip().lower() == "true":
        for feature in features:
            if feature.name == switch[1]:
                return feature.spark_config
    return {key: value}


def _limit_cores(settings: dict[str, str], role: str) -> None:
    """A limit of the pod's CPU where there is none: what is requested, else the number of cores."""
    limit = f"spark.kubernetes.{role}.limit.cores"
    if settings.get(limit):
        return
    cores = settings.get(f"spark.kubernetes.{role}.request.cores") or settings.get(f"spark.{role}.cores")
    if cores:
        settings[limit] = cores
