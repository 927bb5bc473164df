"""``task_resources``: the platform's default and largest resources of a task (the section of Flyte's admin service)."""

from __future__ import annotations

from typing import Annotated

from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.sections import CamelSection, Deprecated, Gone


class TaskResourceSet(CamelSection):
    """Amounts of the resources that the platform knows; 0 means not set."""

    cpu: Quantity = Quantity()
    """CPU, in cores."""
    memory: Quantity = Quantity()
    """Memory, in bytes."""
    gpu: Quantity = Quantity()
    """GPUs, whole ones."""
    ephemeral_storage: Quantity = Quantity()
    """Disk of the node, in bytes."""
    storage: Annotated[Quantity, Gone(), Deprecated("ephemeralStorage")] = Quantity()
    """Disk, in bytes; has no effect."""


class TaskResources(CamelSection):
    """Defaults for tasks that ask for nothing, and limits for all."""

    defaults: TaskResourceSet = TaskResourceSet(cpu=Quantity.parse("2"), memory=Quantity.parse("200Mi"))
    """What a task gets that asks for nothing."""
    limits: TaskResourceSet = TaskResourceSet(
        cpu=Quantity.parse("2"), memory=Quantity.parse("1Gi"), gpu=Quantity.parse("1")
    )
    """The most that a task gets; 0 means no limit."""
