"""The CustomResourceDefinition of TaskExecution, generated from the models."""

from __future__ import annotations

from typing import Any

from pluginmachinery.api import names


def custom_resource_definition() -> dict[str, Any]:
    """The manifest, ready to be applied."""
    preserved = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "plural": names.PLURAL,
                "singular": names.SINGULAR,
                "kind": names.KIND,
                "listKind": names.LIST_KIND,
                "shortNames": list(names.SHORT_NAMES),
                "categories": list(names.CATEGORIES),
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "required": ["spec"],
                            "properties": {"spec": preserved, "status": preserved},
                        }
                    },
                }
            ],
        },
    }
