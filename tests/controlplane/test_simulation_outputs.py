"""Files of simulated tasks: where they may lie, and where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.controlplane.errors import ScriptError
from tools.controlplane.simulation import outputs

TEXT = "aGVsbG8="


def pod(*args: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "sidecar"}, {"name": "main", "command": ["run"], "args": list(args)}]}}


@pytest.mark.parametrize(
    ("place", "args"),
    [
        pytest.param("{root}/a/outputs.pb", [], id="absolute path"),
        pytest.param("file://{root}/a/outputs.pb", [], id="file URL"),
        pytest.param("outputs.pb", ["--output-prefix", "{root}/a"], id="relative to the prefix"),
        pytest.param("outputs.pb", ["--output-prefix=file://{root}/a"], id="prefix as a URL"),
        pytest.param("{root}/b/../a/outputs.pb", [], id="detour inside the root"),
    ],
)
def test_a_file_is_written_below_the_root(tmp_path: Path, place: str, args: list[str]) -> None:
    arguments = [each.format(root=tmp_path) for each in args]
    outputs.write(outputs.resolve({place.format(root=tmp_path): TEXT}, pod(*arguments), tmp_path))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "a" / "outputs.pb"]
    assert (tmp_path / "a" / "outputs.pb").read_bytes() == b"hello"


@pytest.mark.parametrize(
    ("place", "args", "message"),
    [
        pytest.param("/etc/outputs.pb", [], "is not below the output root", id="elsewhere"),
        pytest.param("{root}/../outputs.pb", [], "is not below the output root", id="out by dots"),
        pytest.param("../../outputs.pb", ["--output-prefix", "{root}/a"], "is not below", id="out of the prefix"),
        pytest.param("{root}/link/outputs.pb", [], "is not below the output root", id="out by a link"),
        pytest.param("s3://bucket/outputs.pb", [], "only local files", id="a bucket"),
        pytest.param("outputs.pb", ["--output-prefix", "s3://bucket/a"], "only local files", id="prefix in a bucket"),
        pytest.param("outputs.pb", [], "a relative name needs --output-prefix", id="relative to nothing"),
    ],
)
def test_other_places_are_refused(tmp_path: Path, place: str, args: list[str], message: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    arguments = [each.format(root=root) for each in args]
    with pytest.raises(ScriptError, match=message):
        outputs.resolve({place.format(root=root): TEXT}, pod(*arguments), root)


def test_nothing_is_written_without_a_root() -> None:
    with pytest.raises(ScriptError, match="without an output root"):
        outputs.resolve({"/tmp/outputs.pb": TEXT}, pod(), None)


def test_content_is_base64(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="not base64"):
        outputs.resolve({f"{tmp_path}/outputs.pb": "?"}, pod(), tmp_path)


def test_sub_tasks_of_a_map_task_write_into_folders_of_their_own(tmp_path: Path) -> None:
    mapped = pod("--output-prefix", f"{tmp_path}/a")
    mapped["spec"]["containers"][1]["env"] = [{"name": "FLYTE_K8S_ARRAY_INDEX", "value": "7"}]
    assert list(outputs.resolve({"outputs.pb": TEXT}, mapped, tmp_path)) == [tmp_path / "a" / "7" / "outputs.pb"]
