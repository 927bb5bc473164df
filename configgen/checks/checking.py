"""The whole check: an environment and a cluster in, a report out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from configgen.checks.inspection import Inspection
from configgen.checks.results import Result, Status
from configgen.checks.specification import TOPICS
from configgen.cluster.connection import Connection, Unread
from configgen.layers.environments import Source
from configgen.lint.environments import environments


@dataclass(frozen=True, slots=True)
class Report:
    """``namespaces``: where tasks run, none where that is not known. ``user``: who asked, by the API server's word."""

    environment: str
    context: str
    server: str
    user: str
    namespace: str
    namespaces: tuple[str, ...]
    results: tuple[Result, ...]

    def count(self, status: Status) -> int:
        return sum(result.status is status for result in self.results)


def check(
    folder: Path,
    name: str,
    connect: Callable[[], Connection],
    namespaces: Sequence[str] = (),
    begin: Callable[[str], None] = lambda _: None,
) -> Report:
    """Hold an environment of a source against a cluster. ``begin`` is told each topic before it is looked into.

    Raises SourceError: the source has mistakes, or the cluster can not be asked.
    """
    source = Source(folder)
    environment = source.environment(name)
    (subject,) = environments(source, [name])
    begin("the connection")
    cluster = connect()
    inspection = Inspection(environment, subject, cluster, tuple(namespaces))
    user = cluster.user()
    results: list[Result] = []
    for topic, look in TOPICS.items():
        begin(topic)
        results += (replace(result, topic=topic) for result in look(inspection))
    spaces = inspection.task_namespaces
    known = () if isinstance(spaces, Unread) else spaces
    return Report(name, cluster.context, cluster.server, user, inspection.home, known, tuple(results))
