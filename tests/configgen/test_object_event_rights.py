"""A switch of the configuration that needs a right: events of objects are followed only where that is wanted."""

from __future__ import annotations

from typing import Any

import pytest

from configgen.release.rights import task_rules
from configgen.release.values import ReleaseValues
from configgen.render.releases import _with_rights_to_events
from pluginmachinery.api.rbac import object_event_rules

ON = {"plugins": {"k8s": {"send-object-events": True}}}


@pytest.mark.parametrize(
    ("tree", "granted"),
    [(ON, True), ({"plugins": {"k8s": {"send-object-events": False}}}, False), ({"plugins": None}, False), ({}, False)],
    ids=["on", "off", "no sections", "nothing"],
)
def test_the_right_to_follow_events(tree: dict[str, Any], granted: bool) -> None:
    rules = task_rules([], _with_rights_to_events(ReleaseValues(), tree))
    assert (object_event_rules()[0] in rules) is granted
