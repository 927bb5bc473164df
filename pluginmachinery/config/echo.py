"""``plugins.echo``: tasks that hand their input back."""

from __future__ import annotations

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.sections import Section


class EchoConfig(Section):
    """Tasks that hand their input back."""

    sleep_duration: Duration = Duration()
    """How long a task runs before it succeeds."""
