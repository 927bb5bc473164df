"""Scopes: what differs for a project, for a domain, or for a project in a domain (``plugin-manager.scopes``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from pluginmachinery.config.plugin_manager import ScopeConfig
from pluginmachinery.config.root import Configuration

M = TypeVar("M", bound=BaseModel)


def scoped(config: Configuration, project: str, domain: str) -> Configuration:
    """The configuration that holds for a project and domain; ``config`` itself where no scope matches.

    All scopes that match apply: those for a domain first, then those for a project, then those for both, and among
    equals in the order of the configuration, so that the more specific and the later one wins.
    """
    matching = [scope for scope in config.plugin_manager.scopes if _matches(scope, project, domain)]
    for scope in sorted(matching, key=lambda scope: (bool(scope.project), bool(scope.domain))):
        config = _applied(config, scope)
    return config


def _matches(scope: ScopeConfig, project: str, domain: str) -> bool:
    return scope.project in ("", project) and scope.domain in ("", domain)


def _applied(config: Configuration, scope: ScopeConfig) -> Configuration:
    task_plugins: dict[str, Any] = {}
    if scope.enabled_plugins is not None:
        task_plugins["enabled_plugins"] = scope.enabled_plugins
    if scope.default_for_task_types is not None:
        general = config.tasks.task_plugins.default_for_task_types
        task_plugins["default_for_task_types"] = {**general, **scope.default_for_task_types}
    changes: dict[str, Any] = {"tasks": {"task_plugins": task_plugins}, "plugins": {"k8s": scope.k8s or {}}}
    if scope.policy is not None:
        changes["plugin_manager"] = {"policy": scope.policy}
    return _updated(config, changes)


def _updated(section: M, changes: Mapping[str, Any]) -> M:
    """A copy with the fields that are named; what names fields of a section updates that section."""
    update: dict[str, Any] = {}
    for attribute, value in changes.items():
        current = getattr(section, attribute)
        nested = isinstance(current, BaseModel) and isinstance(value, Mapping)
        update[attribute] = _updated(current, value) if nested else value
    return section.model_copy(update=update)
