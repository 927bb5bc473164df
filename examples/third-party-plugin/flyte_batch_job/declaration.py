"""What the registry has to know before it imports the plugin. Keep this module light: it is read at every start."""

from __future__ import annotations

from flyte_batch_job.config import BatchJobConfig
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.plugins.registry import PluginDeclaration

JOB = ResourceKind("batch/v1", "Job", "jobs")

BATCH_JOB = PluginDeclaration(
    id="batch-job",
    task_types=("batch-job",),
    implementation="flyte_batch_job.plugin:BatchJobPlugin",
    resources=(JOB,),
    config_section="batch-job",
    config_model=BatchJobConfig,
)
