"""``plugins.dask``: Dask jobs."""

from __future__ import annotations

from pluginmachinery.config.logs import LogConfig, dashboard_links
from pluginmachinery.config.sections import CamelSection


class DaskConfig(CamelSection):
    """Defaults of Dask jobs."""

    logs: LogConfig = dashboard_links()
    """Log links of Dask jobs."""
