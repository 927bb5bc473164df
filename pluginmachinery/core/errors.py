"""Errors that plugins and the manager raise: each has a stable code that users and dashboards can rely on.

A plugin raises :class:`PluginError` for input it can not work with. Anything else that escapes from a plugin is a
defect: the manager turns it into a system failure with the code ``PluginPanic`` and the process goes on.
"""

from __future__ import annotations

BAD_TASK_SPECIFICATION = "BadTaskSpecification"
"""The task template, or what it carries, can not be turned into an object."""
FAILED_TO_BUILD_RESOURCE = "FailedToBuildResource"
"""The phase code of every failed build; the plugin's own code is its cause."""
DOWNSTREAM_SYSTEM_ERROR = "DownstreamSystemError"
"""The operator, or service, that runs the task says that it failed."""
PLUGIN_PANIC = "PluginPanic"
"""A plugin raised something that is not a PluginError."""


class PluginMachineryError(Exception):
    """The root of everything this library raises on purpose."""


class PluginError(PluginMachineryError):
    """A plugin can not do what was asked; ``code`` is stable, ``field`` the path of the offending value if known."""

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        place = f" ({self.field})" if self.field else ""
        return f"{self.code}{place}: {self.message}"


def bad_task(message: str, *, field: str = "") -> PluginError:
    """The usual error of a build: code ``BadTaskSpecification``."""
    return PluginError(BAD_TASK_SPECIFICATION, message, field=field)
