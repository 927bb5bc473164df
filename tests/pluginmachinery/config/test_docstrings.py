"""What stands below an attribute is its explanation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from pluginmachinery.config import docstrings, kinds
from pluginmachinery.config.plugin_manager import PluginManagerConfig


class Parent(BaseModel):
    """Not an attribute's."""

    told: int = 0
    """Of the
    parent."""
    told_anew: int = 0
    """Of the parent."""
    untold: int = 0
    told_by_both: int = 0
    """Of the parent."""


class Child(Parent):
    told_anew: int = 1
    """Of the child."""
    told_by_both: int = 1
    own: dict[str, int] = {"a": 1}
    "Of the child."


def test_of_the_class_that_names_the_attribute_last() -> None:
    told = {name: docstrings.of_attribute(Child, name) for name in (*Child.model_fields, "nobody's")}
    assert told == {
        "told": "Of the\nparent.",
        "told_anew": "Of the child.",
        "untold": "",
        "told_by_both": "",
        "own": "Of the child.",
        "nobody's": "",
    }


def test_as_pydantic_collects_them() -> None:
    class Collected(BaseModel):
        model_config = ConfigDict(use_attribute_docstrings=True)

        first: int = 0
        """Of one line."""
        second: int = 0
        """Of two
        lines."""

    assert {name: docstrings.of_attribute(Collected, name) for name in Collected.model_fields} == {
        name: info.description for name, info in Collected.model_fields.items()
    }


def test_members_of_a_section_are_explained() -> None:
    assert [member.key for member in kinds.of_model(PluginManagerConfig).members if not member.description] == []
