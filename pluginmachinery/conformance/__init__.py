"""For authors of plugins: does a plugin keep to the contract?

``check(plugin, examples)`` runs every check of :mod:`.checks` on a cluster in memory and gives the findings;
``python -m pluginmachinery.conformance check`` does the same from the command line. ``replay`` answers recorded cases
of the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluginmachinery.conformance.checking import Finding, check
    from pluginmachinery.conformance.examples import Example, Step, example

__all__ = ["Example", "Finding", "Step", "check", "example"]

_HOMES = {
    "Finding": "checking",
    "check": "checking",
    "Example": "examples",
    "Step": "examples",
    "example": "examples",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: replaying cases needs none of it."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
