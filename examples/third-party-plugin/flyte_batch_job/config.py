"""``plugins.batch-job``: the section of this plugin."""

from __future__ import annotations

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.sections import Section


class BatchJobConfig(Section):
    """Defaults of batch jobs."""

    backoff_limit: int = 0
    """How often Kubernetes itself replaces a failed pod before the job fails."""
    active_deadline: Duration | None = None
    """Jobs that take longer are ended by Kubernetes. Absent: no limit."""
