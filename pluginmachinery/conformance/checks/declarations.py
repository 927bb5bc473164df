"""Checks of what a plugin says about itself."""

from __future__ import annotations

from collections.abc import Iterator

from pluginmachinery.conformance.checks.subjects import Complaint, Subject
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.plugins import CorePlugin, KubernetesPlugin, PluginProperties
from pluginmachinery.plugins.enabling import cleaned

SHORTEST_NAME = 8
"""Names can not be cut to less: a hash has to fit in."""


def contract(subject: Subject) -> Iterator[Complaint]:
    """It is a KubernetesPlugin or a CorePlugin, with an ID as IDs are compared."""
    plugin = subject.plugin
    if not isinstance(plugin, KubernetesPlugin | CorePlugin):
        missing = sorted(name for name in _MEMBERS if not hasattr(plugin, name))
        yield Complaint(
            f"it is neither a KubernetesPlugin nor a CorePlugin; it lacks {', '.join(missing)}",
            "implement one of the protocols of pluginmachinery.core.plugins",
        )
        return
    if not plugin.id or cleaned(str(plugin.id)) != plugin.id:
        yield Complaint(
            f"its ID {plugin.id!r} is not in lower case without blanks", "IDs are compared that way: write it so"
        )


def kind(subject: Subject) -> Iterator[Complaint]:
    """What is built is of the declared kind, and so is the identity."""
    plugin = subject.kubernetes
    if plugin is None:
        return
    mend = "resource, build_resource and build_identity_resource have to say the same kind: permissions come from it"
    given: tuple[object, object] = (plugin.resource, plugin.properties)  # an author may have written anything
    if not isinstance(given[0], ResourceKind) or not isinstance(given[1], PluginProperties):
        yield Complaint("resource is no ResourceKind, or properties no PluginProperties", mend)
        return
    declared = (plugin.resource.api_version, plugin.resource.kind)
    identity = plugin.build_identity_resource(subject.task.metadata)
    for what, manifest in (("build_identity_resource", identity), ("build_resource", subject.build())):
        if manifest is not None and (manifest.get("apiVersion"), manifest.get("kind")) != declared:
            found = f"{manifest.get('apiVersion')} {manifest.get('kind')}"
            yield Complaint(f"{what} makes a {found}, declared is {' '.join(declared)}", mend)


def longest_name(subject: Subject) -> Iterator[Complaint]:
    """A limit for names leaves room for a hash."""
    limit = None if subject.kubernetes is None else subject.kubernetes.properties.generated_name_max_length
    if limit is not None and limit < SHORTEST_NAME:
        yield Complaint(
            f"generated_name_max_length is {limit}", f"names need at least {SHORTEST_NAME} characters to be unique"
        )


_MEMBERS = ("id", "resource", "properties", "build_resource", "build_identity_resource", "get_task_phase")
