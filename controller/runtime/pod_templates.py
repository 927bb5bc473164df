"""The cluster's pod templates, as tasks name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.runtime.slots import JSON
from pluginmachinery.core.actions import ResourceKind

POD_TEMPLATES = ResourceKind("v1", "PodTemplate", "podtemplates")


class PodTemplateSink:
    """Keeps pod templates as the cluster has them; ``publish`` is told all of them whenever one changes."""

    def __init__(self, publish: Callable[[tuple[JSON, ...]], None]) -> None:
        self._tell = publish
        self._templates: dict[tuple[str, str], JSON] = {}

    def changed(self, object: JSON) -> None:  # noqa: A002
        self._templates[_key(object)] = object
        self._publish()

    def deleted(self, object: JSON) -> None:  # noqa: A002
        self._templates.pop(_key(object), None)
        self._publish()

    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None:
        for key in lost:
            self._templates.pop(key, None)
        self._publish()

    def _publish(self) -> None:
        self._tell(tuple(self._templates.values()))


def _key(body: JSON) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]
