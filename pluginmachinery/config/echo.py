"""``plugins.echo``: tasks that hand their input back."""

from __future__ import annotations

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.sections import Section, Span


class EchoConfig(Section):
    """Tasks that hand their input back."""

    sleep_duration: Span = Duration()
    """How long a task runs before it succeeds."""
