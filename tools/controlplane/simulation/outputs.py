"""The files that a simulated task leaves behind: `{place: base64 content}`.

A place is an absolute path or file:// URL, or a relative name: that lies below the folder which the pod's own
command line gives as `--output-prefix`, the argument that Flyte's task containers get; for sub-tasks of a map task, in
a folder called by their index there. Nothing is written outside the root folder that the simulation was started with.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tools.controlplane.errors import ScriptError
from tools.controlplane.simulation.scripts import INDEX_VARIABLE, variable_of

PREFIX_ARGUMENT = "--output-prefix"


def resolve(writes: Mapping[str, str], pod: Mapping[str, Any], root: Path | None) -> dict[Path, bytes]:
    """What is to be written where.

    Raises:
        ScriptError: a place outside `root`, or no root at all, a relative one without a prefix, bad base64.
    """
    return {_place(name, pod, root): _content(name, text) for name, text in writes.items()}


def write(files: Mapping[Path, bytes]) -> None:
    """Writes each file whole (temporary name, then rename), making its folders."""
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.partial")
        temporary.write_bytes(content)
        temporary.replace(path)


def _place(name: str, pod: Mapping[str, Any], root: Path | None) -> Path:
    if root is None:
        raise ScriptError(f"{name}: the simulation was started without an output root, pods may write nothing")
    path = Path(_local(name)) if _is_absolute(name) else _folder(pod, name) / name
    # Links are followed before looking: a link inside the root must not lead out of it.
    if not path.resolve().is_relative_to(root.resolve()):
        raise ScriptError(f"{name}: {path} is not below the output root {root}")
    return path.resolve()


def _folder(pod: Mapping[str, Any], name: str) -> Path:
    prefix = Path(_local(_output_prefix(pod, name)))
    index = variable_of(pod, INDEX_VARIABLE)
    return prefix / index if index.isdigit() else prefix


def _is_absolute(name: str) -> bool:
    return name.startswith("/") or "://" in name


def _local(name: str) -> str:
    parts = urlsplit(name)
    if parts.scheme not in ("", "file"):
        raise ScriptError(f"{name}: only local files can be written, not {parts.scheme}://")
    return unquote(parts.path) if parts.scheme else name


def _output_prefix(pod: Mapping[str, Any], name: str) -> str:
    for container in pod["spec"]["containers"]:
        line = [*(container.get("command") or []), *(container.get("args") or [])]
        for place, argument in enumerate(line):
            if argument == PREFIX_ARGUMENT and place + 1 < len(line):
                return str(line[place + 1])
            if argument.startswith(f"{PREFIX_ARGUMENT}="):
                return str(argument.partition("=")[2])
    raise ScriptError(f"{name}: a relative name needs {PREFIX_ARGUMENT} on the pod's command line")


def _content(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ScriptError(f"{name}: not base64: {error}") from error
