"""Write ``pluginmachinery/config/kubernetes_schema.json``: the structures that a pod can contain.

    python -m tools.generate_kubernetes_schema [--check]

The source is the Go module ``k8s.io/api`` in the version that Flyte v1.16.8 is built with (tools/kubernetes_schema),
not the OpenAPI document or the Python client: only the Go types tell integer widths, pointers, embedded structs and
which fields are left out when empty. Needs Go; the library only reads the result.

Form of the file: ``{"source": …, "types": {type: {field: kind}}}``. A kind is ``string``, ``name`` (a text with a Go
type of its own, such as a capability; only the configuration's decoder minds), ``bool``, ``int32``, ``int64``,
``quantity``, ``int-or-string``, ``time``, ``bytes``, ``any`` or the name of a type; before it ``*`` for a pointer,
``[]`` for a list, ``{}`` for a map by string; after it ``?`` where the field is left out when empty. A kind
``inline T`` stands for an embedded struct; its field is then named as in Go.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "tools" / "kubernetes_schema"
TARGET = ROOT / "pluginmachinery" / "config" / "kubernetes_schema.json"


def generate() -> str:
    printed = subprocess.run(["go", "run", "."], cwd=PROGRAM, check=True, capture_output=True, text=True).stdout
    return layout(json.loads(printed))


def layout(schema: dict[str, Any]) -> str:
    """One type a line, sorted: compact, and a diff shows what changed."""
    lines = [f"    {json.dumps(name)}: {json.dumps(fields)}" for name, fields in sorted(schema["types"].items())]
    types = ",\n".join(lines)
    return f'{{\n  "source": {json.dumps(schema["source"])},\n  "types": {{\n{types}\n  }}\n}}\n'


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail if the file is not up to date; write nothing")
    check: bool = parser.parse_args(arguments).check
    text = generate()
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    if check:
        print(f"{TARGET.relative_to(ROOT)} is not up to date: run python -m tools.generate_kubernetes_schema")
        return 1
    temporary = TARGET.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
