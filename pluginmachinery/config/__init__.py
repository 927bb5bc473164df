"""What can be configured, and how it is read and written.

:class:`Configuration` is the root; one module holds one section. :mod:`.documents` reads and writes.
"""

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.root import Configuration

__all__ = ["Configuration", "Duration", "Quantity"]
