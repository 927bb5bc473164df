"""All topics, in the order in which they are checked and told: what stops everything comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from configgen.checks.inspection import Inspection
from configgen.checks.results import Result
from configgen.checks.topics import (
    api_server,
    definitions,
    namespaces,
    nodes,
    objects,
    operators,
    pod_security,
    resources,
    rights,
    storage,
)

Topic = Callable[[Inspection], Iterator[Result]]

TOPICS: Final[Mapping[str, Topic]] = {
    "api server": api_server.check,
    "namespaces": namespaces.check,
    "definitions": definitions.check,
    "operators": operators.check,
    "rights": rights.check,
    "nodes": nodes.check,
    "objects": objects.check,
    "storage": storage.check,
    "resources": resources.check,
    "pod security": pod_security.check,
}
