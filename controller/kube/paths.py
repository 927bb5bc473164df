"""Where things live on the API server: from a kind, a namespace and a name to a URL's path."""

from __future__ import annotations

from urllib.parse import quote

from pluginmachinery.core.actions import ObjectRef, ResourceKind


def collection(kind: ResourceKind, namespace: str = "") -> str:
    """All objects of a kind, in one namespace or ("") in all."""
    root = "/apis/" if kind.group else "/api/"
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{root}{kind.api_version}{scope}/{kind.plural}"


def item(ref: ObjectRef, subresource: str = "") -> str:
    """One object, or its subresource (``status``)."""
    tail = f"/{subresource}" if subresource else ""
    return f"{collection(ref.kind, ref.namespace)}/{quote(ref.name, safe='')}{tail}"
