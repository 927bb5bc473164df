"""What stands below an attribute of a class: its explanation.

pydantic could collect these when it makes a class; it reads and parses the source of each for that, a third of the time
that all models take to import, and the controller never asks.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Mapping


def of_attribute(owner: type, name: str) -> str:
    """The docstring of this attribute, wherever in the class' ancestry it was last given; "": there is none."""
    for each in owner.__mro__:
        if name in inspect.get_annotations(each):
            return _of_class(each).get(name, "")
    return ""


@functools.cache
def _of_class(owner: type) -> Mapping[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        match statement, following:
            case (ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text)))):
                found[name] = inspect.cleandoc(text)
    return found
