"""What can be configured, and how it is read and written.

:class:`Configuration` is the root; one module holds one section. :mod:`.documents` reads and writes. The models come in
when they are asked for: who only parses YAML starts in a blink.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluginmachinery.config.durations import Duration
    from pluginmachinery.config.quantities import Quantity
    from pluginmachinery.config.root import Configuration

__all__ = ["Configuration", "Duration", "Quantity"]

_MODULES = {"Configuration": "root", "Duration": "durations", "Quantity": "quantities"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
