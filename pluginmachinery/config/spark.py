"""``plugins.spark``: Spark applications."""

from __future__ import annotations

from typing import Annotated

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.logs import LogConfig, dashboard_links
from pluginmachinery.config.sections import Section, Since, Span


class SparkLogConfig(Section):
    """Log links of a Spark application, by whose log it is."""

    mixed: LogConfig = dashboard_links()
    """Links to the driver's log as a whole."""
    user: LogConfig = LogConfig()
    """Links to what the user's code logs in the driver."""
    system: LogConfig = LogConfig()
    """Links to what Spark itself logs in the driver."""
    all_user: LogConfig = LogConfig()
    """Links to what the user's code logs in driver and executors."""


class SparkFeature(Section):
    """Spark settings that a task switches on together by the feature's name."""

    name: str = ""
    """Name of the feature; a task sets ``spark.flyte.<name>.enabled``."""
    spark_config: dict[str, str] = {}
    """Spark settings of the feature."""


class SparkConfig(Section):
    """Defaults of Spark applications."""

    spark_config_default: dict[str, str] = {}
    """Spark settings of every application; the task's own win."""
    spark_history_server_url: str = ""
    """Address of the Spark history server, linked once an application has ended."""
    features: tuple[SparkFeature, ...] = ()
    """Features that tasks can switch on."""
    logs: SparkLogConfig = SparkLogConfig()
    """Log links of Spark applications."""
    enable_pod_template: Annotated[bool, Since("2")] = True
    """Hand the whole pod specification to the operator where its CRD has pod templates."""
    pod_template_detection_timeout: Annotated[Span, Since("2")] = Duration.of(seconds=30)
    """How long to look whether the operator's CRD has pod templates."""
