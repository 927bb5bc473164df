"""Write every file of the repository that is made from another one, or with ``--check`` say which are stale.

=====================================  =================================================================================
``configgen/shipped/``                 the configuration of a plain install, from the layer ``base`` of
                                       ``examples/configuration``; package data
``charts/…/files/config/``             the same documents, for the chart
``charts/…/files/rights.yaml``         RBAC rules by plugin, from ``pluginmachinery.api.rbac`` and the registry
``charts/…/files/operators.yaml``      operators by plugin, for the notes, from ``configgen.operators``
``charts/…/crds/``                     the CRD, from the models in ``pluginmachinery.api``
``charts/…/values*``, ``README.md``    values, schema and table, from ``configgen.release.values``
``kustomize/``                         ``configgen render --all --target kustomize`` of ``examples/configuration``
=====================================  =================================================================================
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from configgen.problems import SourceError
from configgen.render.output import HEADER

ROOT = Path(__file__).parent.parent
CHART = Path("charts/flyte-plugin-manager")
EXAMPLE = ROOT / "examples/configuration"
OWNED = ("configgen/shipped", f"{CHART}/files", f"{CHART}/crds", "kustomize")
"""Folders in which a file with our header that nothing makes any more is stale."""
_NOTICE = "# Made by `make generate`: do not edit.\n"
_TABLE_START, _TABLE_END = "<!-- values: made by `make generate` -->", "<!-- end of values -->"


def generated() -> Iterator[tuple[str, str]]:
    """Path from the root → text, for every generated file."""
    from configgen.release.chart_files import operators_for_chart, values_schema, values_table, values_yaml
    from configgen.release.rights import rules_for_chart
    from configgen.render.targets import kustomization
    from configgen.render.yaml_text import to_yaml
    from pluginmachinery.api.crd import custom_resource_definition

    documents = _shipped_documents()
    for name, text in documents.items():
        yield f"configgen/shipped/{name}", text
        yield f"{CHART}/files/config/{name}", text
    yield f"{CHART}/files/rights.yaml", _NOTICE + to_yaml(rules_for_chart())
    yield f"{CHART}/files/operators.yaml", _NOTICE + to_yaml(operators_for_chart())
    yield f"{CHART}/crds/taskexecutions.yaml", _NOTICE + to_yaml(custom_resource_definition())
    yield f"{CHART}/values.yaml", _NOTICE + "\n" + values_yaml()
    yield f"{CHART}/values.schema.json", values_schema()
    yield f"{CHART}/README.md", _with_table((ROOT / CHART / "README.md").read_text("utf-8"), values_table())
    yield from kustomization(EXAMPLE, documents).files.items()


def _shipped_documents() -> dict[str, str]:
    from configgen.layers.environments import Source
    from configgen.layers.nodes import plain
    from configgen.render.releases import SHIPPED, documents_of

    base = Source(EXAMPLE).layer("base")
    return documents_of(plain(base.config), SHIPPED)


def _with_table(readme: str, table: str) -> str:
    before, start, rest = readme.partition(_TABLE_START)
    _, end, after = rest.partition(_TABLE_END)
    if not start or not end:
        raise SystemExit(f"{CHART}/README.md: the marks around the table of values are missing")
    return f"{before}{start}\n{table}{end}{after}"


def stale(files: dict[str, str]) -> Iterator[str]:
    """Files that differ from what they should be, and files that should not be there."""
    for name, text in files.items():
        path = ROOT / name
        if not path.is_file() or path.read_text("utf-8") != text:
            yield name
    for folder in OWNED:
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and name not in files and path.read_text("utf-8").startswith((HEADER, _NOTICE)):
                yield name


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.generate", description="Write the generated files.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the stale files")
    check = parser.parse_args().check
    try:
        files = dict(generated())
    except SourceError as error:
        print(error, file=sys.stderr)
        return 2
    names = list(stale(files))
    for name in names:
        print(f"stale: {name}" if check else f"{'wrote' if name in files else 'removed'} {name}")
        if not check:
            _bring_up_to_date(ROOT / name, files.get(name))
    if check and names:
        print("run `make generate`", file=sys.stderr)
        return 1
    print(f"{len(files)} generated files are up to date", file=sys.stderr)
    return 0


def _bring_up_to_date(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


if __name__ == "__main__":
    sys.exit(main())
