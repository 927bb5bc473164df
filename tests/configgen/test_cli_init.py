"""`configgen init`: a source that renders at once, and a workflow whose commands run."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.configgen.conftest import Configgen, tree
from tests.configgen.editor_yaml import Loader


def test_a_new_source_renders(configgen: Configgen, tmp_path: Path) -> None:
    source = tmp_path / "source"
    result = configgen("-C", source, "init")
    assert result.exit_code == 0, result.stderr
    assert [f"create {source / name}" for name in sorted(tree(source))] == result.stdout.splitlines()
    assert configgen("-C", source, "render", "--all", "--out", tmp_path / "out").exit_code == 0
    assert configgen("-C", source, "diff", "dev", "prod", "--no-effect").exit_code == 1


def test_an_existing_install_is_taken_over(configgen: Configgen, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("configuration: {inline: {plugins: {k8s: {default-cpus: 3}}}}\n")
    source = tmp_path / "source"
    result = configgen("-C", source, "init", "--from", f"prod={tmp_path / 'values.yaml'}")
    assert result.exit_code == 0, result.stderr
    assert "environments:\n  prod:" in (source / "configgen.yaml").read_text()
    assert (source / ".github/workflows/configuration.yaml").exists()
    assert configgen("-C", source, "render", "--all", "--out", tmp_path / "out").exit_code == 0


def test_nothing_is_overwritten(configgen: Configgen, tmp_path: Path) -> None:
    workflows = tmp_path / ".github/workflows"
    workflows.mkdir(parents=True)
    (workflows / "others.yaml").write_text("mine\n")
    assert configgen("-C", tmp_path, "init").exit_code == 0
    before = tree(tmp_path)
    result = configgen("-C", tmp_path, "init")
    assert result.exit_code == 2
    assert "is there already, and is not overwritten" in result.stderr
    assert tree(tmp_path) == before
    assert before[".github/workflows/others.yaml"] == "mine\n"


@pytest.mark.parametrize("arguments", [(), ("--from", "prod=VALUES")], ids=["from nothing", "from an install"])
def test_every_document_names_its_schema_and_fits_it(
    arguments: tuple[str, ...], configgen: Configgen, tmp_path: Path
) -> None:
    (tmp_path / "values.yaml").write_text("configuration: {inline: {plugins: {k8s: {default-cpus: 3}}}}\n")
    source = tmp_path / "source"
    given = [argument.replace("VALUES", str(tmp_path / "values.yaml")) for argument in arguments]
    assert configgen("-C", source, "init", *given).exit_code == 0
    documents = sorted({*source.glob("**/config/*.yaml"), *source.glob("**/release.yaml"), source / "configgen.yaml"})
    assert len(documents) > 2
    for document in documents:
        line = document.read_text().splitlines()[0]
        schema = document.parent / line.removeprefix("# yaml-language-server: $schema=")
        validator = jsonschema.Draft7Validator(json.loads(schema.read_text()))
        assert [error.message for error in validator.iter_errors(yaml.load(document.read_text(), Loader))] == []
    assert configgen("-C", source, "fmt", "--check").exit_code == 0


def test_schemas_are_brought_up_to_date(configgen: Configgen, tmp_path: Path) -> None:
    assert configgen("-C", tmp_path, "init").exit_code == 0
    file = tmp_path / ".schemas/source.schema.json"
    fresh = file.read_text()
    file.write_text("{}")
    assert configgen("schema", "--out", tmp_path / ".schemas").exit_code == 0
    assert file.read_text() == fresh
    assert json.loads(fresh) == json.loads(configgen("schema", "--what", "source").stdout)
