"""`configgen migrate --to flyte2`: what is told, what is written, and what is left to a person."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from configgen.migration.facts import CONFIGURATION, GONE_PLUGINS, Change
from pluginmachinery.config import Configuration, kinds
from pluginmachinery.config.kinds import Struct
from tests.configgen.conftest import EXAMPLE, PLUGINS, Configgen, compare_golden, small_disk, tree

GOLDEN = Path(__file__).parent / "golden/migrate"
INPUTS = ("flyte-binary", "flyte-core")
Make = Callable[..., Path]


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inputs in the working folder, so that paths in messages are the same everywhere."""
    for name in INPUTS:
        shutil.copy(GOLDEN / f"{name}.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_told_and_written_is_on_record(configgen: Configgen, beside: Path) -> None:
    found = {f"{name}.yaml": (beside / f"{name}.yaml").read_text() for name in INPUTS}
    for name in INPUTS:
        told = configgen("migrate", "--to", "flyte2", "--file", f"{name}.yaml")
        assert told.exit_code == 1
        found[f"{name}.told.txt"] = told.stdout
        assert (beside / f"{name}.yaml").read_text() == found[f"{name}.yaml"], "nobody asked for a change"
        left = configgen("migrate", "--to", "flyte2", "--file", f"{name}.yaml", "--write")
        found[f"{name}.left.txt"] = left.stdout
        found[f"{name}.after.yaml"] = (beside / f"{name}.yaml").read_text()
    compare_golden(found, GOLDEN)


def test_the_example(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "migrate", "--to", "flyte2", "-o", "json")
    assert result.exit_code == 1
    found = {(one["change"], one["path"], one["writable"]) for one in json.loads(result.stdout)}
    assert ("dropped", "task_resources", False) in found
    assert ("warning", "plugin-manager.retries.interruptible-threshold", False) in found
    assert not any("enabled-plugins" in path for _, path, _ in found), "configgen itself reads it"


def test_writing_twice_changes_nothing_more(configgen: Configgen, beside: Path) -> None:
    for name in INPUTS:
        configgen("migrate", "--to", "flyte2", "--file", f"{name}.yaml", "--write")
        before = (beside / f"{name}.yaml").read_text()
        again = configgen("migrate", "--to", "flyte2", "--file", f"{name}.yaml", "--write")
        assert (beside / f"{name}.yaml").read_text() == before
        assert "write" not in again.stderr


SAID = {"flyte-binary": ("default-env-vars",), "flyte-core": ("default-cpus", "default-tolerations", "co-pilot")}


@pytest.mark.parametrize(("name", "keys"), SAID.items(), ids=SAID)
def test_the_new_file_says_what_the_old_one_said(
    name: str, keys: tuple[str, ...], configgen: Configgen, beside: Path
) -> None:
    def said(into: str) -> dict[str, object]:
        assert configgen("import", f"main={name}.yaml", "--into", into).exit_code == 0
        found = [yaml.load(text, yaml.BaseLoader) for text in tree(beside / into / "base").values()]
        k8s = [one["plugins"]["k8s"] for one in found if one and "k8s" in one.get("plugins", {})]
        return {key: part[key] for part in k8s for key in part if key in keys}

    def spark(into: str) -> bool:
        return (beside / into / "base/config/spark.yaml").exists()

    before = said("before")
    configgen("migrate", "--to", "flyte2", "--file", f"{name}.yaml", "--write")
    assert before.keys() == set(keys) - {"default-cpus"}
    assert {key: value for key, value in said("after").items() if key in before} == before
    assert spark("before") == spark("after") == (name == "flyte-core")


def test_the_forms_of_data_agree(configgen: Configgen, beside: Path) -> None:
    arguments = ("migrate", "--to", "flyte2", "--file", "flyte-binary.yaml", "-o")
    found = json.loads(configgen(*arguments, "json").stdout)
    assert yaml.safe_load(configgen(*arguments, "yaml").stdout) == found
    assert {one["change"] for one in found} == {change.value for change in Change}
    moved = next(one for one in found if one["path"] == "configuration.database.host")
    assert moved == {
        "change": "moved",
        "file": "flyte-binary.yaml",
        "line": 4,
        "column": 5,
        "path": "configuration.database.host",
        "to": "configuration.database.postgres.host",
        "message": "has another place in Flyte 2",
        "mend": "move it to configuration.database.postgres.host",
        "writable": True,
    }


def test_there_is_nothing_to_do(configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(
        "flyte-core-components: {runs: {}}\nconfiguration:\n  inline:\n    plugins:\n      k8s:\n"
        "        default-cpus: 1\n"
    )
    result = configgen("migrate", "--to", "flyte2", "--file", file)
    assert (result.exit_code, result.stdout) == (0, "nothing to do\n")


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: flyte-propeller-config}
data:
  core.yaml: |
    propeller:
      workers: 4
  k8s.yaml: |
    plugins:
      k8s:
        send-object-events: true
"""


def test_texts_inside_of_texts_are_left_alone(configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "dump.yaml"
    file.write_text(CONFIG_MAP)
    result = configgen("migrate", "--to", "flyte2", "--file", file, "--write", "-o", "json")
    assert result.exit_code == 1
    found = [(one["line"], one["path"], one["writable"]) for one in json.loads(result.stdout) if one["line"]]
    assert (11, 'data["k8s.yaml"].plugins.k8s.send-object-events', False) in found
    assert file.read_text() == CONFIG_MAP


NOISY = "plugins:\n  # Too noisy.\n  k8s:\n    send-object-events: true\n    default-cpus: 1\n"


@pytest.mark.parametrize(("targets", "after"), [("[flyte2]", "default-cpus"), ("[flyte2, helm]", "send-object")])
def test_a_layer_that_others_read_keeps_what_they_read(
    targets: str, after: str, configgen: Configgen, make_source: Make
) -> None:
    source = make_source({"base": {"config/a.yaml": PLUGINS, "config/b.yaml": NOISY}})
    definition = source / "configgen.yaml"
    definition.write_text(definition.read_text().replace("    layers:", f"    targets: {targets}\n    layers:"))
    result = configgen("-C", source, "migrate", "--to", "flyte2", "--write")
    assert result.exit_code == 1, result.stderr
    assert after in (source / "base/config/b.yaml").read_text().splitlines()[3]
    assert "enabled-plugins" in (source / "base/config/a.yaml").read_text(), "configgen itself needs it"
    assert ("the target flyte2 leaves it out" in result.stdout) is ("helm" in targets)


def test_a_full_disk_leaves_the_file_as_it_was(configgen: Configgen, beside: Path) -> None:
    before = tree(beside)
    with small_disk(100):
        result = configgen("migrate", "--to", "flyte2", "--file", "flyte-binary.yaml", "--write")
    assert result.exit_code == 2
    assert "can not be written" in result.stderr or "File too large" in result.stderr
    assert tree(beside) == before


WRONG = {
    "no version": ((), "Missing option '--to'"),
    "an unknown version": (("--to", "flyte3"), "'flyte3' is not 'flyte2'"),
    "both --env and --file": (("--to", "flyte2", "--env", "dev", "--file", "a"), "Give either --env or --file."),
    "an unknown environment": (("--to", "flyte2", "--env", "prd"), "did you mean prod?"),
    "a file that is not there": (("--to", "flyte2", "--file", "no.yaml"), "no.yaml"),
    "a file about something else": (
        ("--to", "flyte2", "--file", "neighbour.yaml"),
        "nothing that Flyte's plugins read",
    ),
    "a file that is no YAML": (("--to", "flyte2", "--file", "broken.yaml"), "broken.yaml:2:1: this is not valid YAML"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_a_call_that_is_wrong(arguments: tuple[str, ...], message: str, configgen: Configgen, beside: Path) -> None:
    (beside / "neighbour.yaml").write_text("apiVersion: v1\nkind: Secret\n")
    (beside / "broken.yaml").write_text("plugins: [\n")
    result = configgen("-C", EXAMPLE, "migrate", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_table_speaks_of_keys_that_there_are() -> None:
    for fact in CONFIGURATION:
        kind: object = kinds.of_model(Configuration)
        for step in fact.path.split(".")[:3]:
            if not isinstance(kind, Struct) or step not in kind.by_key:
                break
            kind = kind.by_key[step].kind
        section, _, rest = fact.path.partition(".")
        if section in ("tasks", "task_resources") or rest.startswith("k8s."):
            assert step in fact.path.split(".")[-1] or isinstance(kind, Struct), fact.path


def test_what_models_mark_as_gone_is_in_the_table() -> None:
    def until(struct: Struct, path: str) -> list[str]:
        found = []
        for member in struct.members:
            here = f"{path}.{member.key}".lstrip(".")
            if member.until:
                found.append(here)
            if isinstance(member.kind, Struct):
                found += until(member.kind, here)
        return found

    dropped = {fact.path for fact in CONFIGURATION if fact.change is Change.DROPPED}
    assert set(until(kinds.of_model(Configuration), "")) <= dropped
    assert {"k8s-array", "echo", "agent-service"} <= GONE_PLUGINS
