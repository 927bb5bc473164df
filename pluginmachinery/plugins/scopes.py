"""What holds for single projects and domains: the configuration of each scope, with the plugins that it enables.

All combinations that ``plugin-manager.scopes`` tells apart are worked out once, at the start, so that a scope whose
plugins do not fit together stops the start and not the first task of a project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pluginmachinery.config import Configuration
from pluginmachinery.config.scopes import scoped
from pluginmachinery.plugins.enabling import EnablingError
from pluginmachinery.plugins.registry import Discovery, PluginDeclaration, PluginRegistry

Scoped = tuple[Configuration, PluginRegistry]
_OTHER = ""
"""Any project, or domain, that no scope names."""


@dataclass(frozen=True)
class Scopes:
    """Configuration and plugins by project and domain; nothing where no scope matches."""

    table: Mapping[tuple[str, str], Scoped] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: Configuration, third_party: Discovery | None = None, *, load: bool = True) -> Scopes:
        """Raises EnablingError, as ``PluginRegistry.from_config``, naming the scope."""
        table = {}
        for project, domain in _combinations(config):
            there = scoped(config, project, domain)
            if there is config:
                continue
            try:
                table[project, domain] = (there, PluginRegistry.from_config(there, third_party, load=load))
            except EnablingError as error:
                where = f"in the scope of project {project or 'any'}, domain {domain or 'any'}: {error.message}"
                raise EnablingError(error.code, where, error.mend) from error
        return cls(table)

    def find(self, project: str, domain: str) -> Scoped | None:
        """What holds for this project and domain; None: what holds in general."""
        projects, domains = self._named
        return self.table.get((project if project in projects else _OTHER, domain if domain in domains else _OTHER))

    @cached_property
    def _named(self) -> tuple[frozenset[str], frozenset[str]]:
        return frozenset(project for project, _ in self.table), frozenset(domain for _, domain in self.table)

    @property
    def declarations(self) -> tuple[PluginDeclaration, ...]:
        """The plugins of all scopes."""
        found = {each.id: each for _, registry in self.table.values() for each in registry.declarations}
        return tuple(found.values())


def _combinations(config: Configuration) -> Iterator[tuple[str, str]]:
    scopes = config.plugin_manager.scopes
    for project in sorted({_OTHER, *(scope.project for scope in scopes)}):
        for domain in sorted({_OTHER, *(scope.domain for scope in scopes)}):
            yield project, domain
