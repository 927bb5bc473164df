"""What every target needs of an environment: its documents, its rights, its objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version as installed_version
from typing import Any

from configgen.operators import needed
from configgen.release.manifests import Manifest, objects
from configgen.release.rights import rbac_objects
from configgen.release.values import ReleaseValues
from configgen.release.webhook import webhook_objects
from configgen.render.output import HEADER
from pluginmachinery.plugins.registry import PluginDeclaration


@dataclass(frozen=True)
class Release:
    """One installation, ready to be written in the form of any target.

    ``tree``: the configuration, ``documents``: its files (name → text); ``plugins``: IDs of the enabled plugins that
    rights are given for; ``origin``: what the headers of the files name as their source.
    """

    name: str
    namespace: str
    values: ReleaseValues
    tree: dict[str, Any]
    documents: dict[str, str]
    plugins: tuple[PluginDeclaration, ...]
    origin: str

    @cached_property
    def version(self) -> str:
        return product_version()

    @cached_property
    def operators(self) -> dict[str, list[str]]:
        """Operators that have to be installed for the plugins → the plugins that need them."""
        return needed(self.plugins, self.values.operators.installed)

    def header(self) -> str:
        return f"{HEADER} from {self.origin}: change the source, not this file.\n"

    def objects(self, *, named_home: bool = False) -> list[Manifest]:
        """Everything but ConfigMap and CRD. ``named_home``: bindings name the namespace of the service account; needed
        where kustomize does not know the account and so can not do it."""
        named = named_home or not self.values.service_account.create
        return [
            *objects(self.values, self.version),
            *rbac_objects(self.values, self.plugins, self.namespace, self.version, named_home=named),
            *webhook_objects(self.values, self.namespace, self.version, named_home=named_home),
        ]

    def changed(self, **values: object) -> Release:
        """The same release with other values."""
        return replace(self, values=self.values.model_copy(update=values))


def product_version() -> str:
    """Version of this package: the chart's appVersion and the image's tag."""
    return installed_version("flyte-plugin-manager")
