"""The API server: is its version one that the definition of TaskExecution can be installed on?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from configgen.checks.inspection import Inspection
from configgen.checks.results import Result, error, not_checked, ok
from configgen.cluster.connection import Unread

OLDEST: Final = (1, 30)
"""As the chart's kubeVersion: the definition has selectable fields."""


def check(inspection: Inspection) -> Iterator[Result]:
    wanted = f"Kubernetes {OLDEST[0]}.{OLDEST[1]} or newer"
    text = inspection.cluster.version()
    if isinstance(text, Unread):
        yield not_checked(wanted, text.reason)
        return
    version = re.match(r"v?(\d+)\.(\d+)", text)
    if version is None:
        yield not_checked(wanted, f"it calls itself {text!r}")
    elif (int(version[1]), int(version[2])) < OLDEST:
        yield error(wanted, text, "upgrade the cluster")
    else:
        yield ok(wanted, text)
