"""The plugin contract: what an author implements.

Two protocols. A :class:`KubernetesPlugin` maps a task to one Kubernetes object and that object's status to a phase; the
manager does the rest. A :class:`CorePlugin` decides everything itself (many objects, external services). Optional
abilities are protocols of their own, found by ``isinstance``. All methods are synchronous and pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pluginmachinery.config import Configuration
from pluginmachinery.core.actions import Observation, ResourceKind
from pluginmachinery.core.phases import PhaseInfo
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata
from pluginmachinery.core.transitions import PluginState, Transition

API_VERSION = 1
"""Version of this contract. A plugin that declares another one is refused at start."""


@dataclass(frozen=True, slots=True)
class PluginProperties:
    """Switches of a Kubernetes plugin."""

    disable_inject_owner_references: bool = False
    disable_inject_finalizer: bool = False
    disable_delete_resource_on_finalize: bool = False
    generated_name_max_length: int | None = None
    """Longest object name the plugin's operator can take; None: no limit of its own."""


@runtime_checkable
class KubernetesPlugin(Protocol):
    """A task type that is one Kubernetes object.

    ``build_resource`` returns the whole manifest but its identity: namespace, name, owner, finalizer and the platform's
    labels and annotations are set by the manager. It raises ``PluginError`` for a task it can not build.
    ``build_identity_resource`` returns just apiVersion and kind. ``get_task_phase`` reads the object as the API server
    has it; raising ``PluginError`` there means "ask again" and is counted.
    """

    @property
    def id(self) -> str: ...
    @property
    def resource(self) -> ResourceKind: ...
    @property
    def properties(self) -> PluginProperties: ...
    def build_resource(self, task: TaskContext) -> dict[str, Any]: ...
    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]: ...
    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo: ...


@dataclass(frozen=True, slots=True)
class AbortBehavior:
    """What to do with the object on abort: delete it, or patch or update it (and delete it when that fails).

    Exactly one of ``patch`` and ``update`` is given where ``delete`` is False.
    """

    delete: bool = True
    patch: Mapping[str, Any] | None = None
    update: Mapping[str, Any] | None = None
    delete_on_error: bool = False


@runtime_checkable
class AbortOverride(Protocol):
    """Ability of a KubernetesPlugin: its object is not simply deleted on abort."""

    def on_abort(self, task: TaskContext, resource: Mapping[str, Any]) -> AbortBehavior: ...


@runtime_checkable
class TokenQuotas(Protocol):
    """Ability of a plugin of either kind: it names quotas of resource tokens, and how many tokens each has.

    A quota that is not named here, or with the number 0, has ``propeller.resourcemanager.resourceMaxQuota`` tokens.
    """

    def token_quotas(self, config: Configuration) -> Mapping[str, int]: ...


@runtime_checkable
class CorePlugin(Protocol):
    """What the runtime knows of a plugin: three functions from (task, state, observation) to a transition."""

    @property
    def id(self) -> str: ...
    def handle(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition: ...
    def abort(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition: ...
    def finalize(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition: ...
