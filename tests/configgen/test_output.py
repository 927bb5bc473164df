"""Rendered files on disk: all or none, only what changed, nothing that is not ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from configgen.problems import SourceError
from configgen.render.output import HEADER, Changes, Rendered, compare, write
from tests.configgen.conftest import small_disk

TEXT = f"{HEADER} for a test.\na: 1\n"


def snapshot(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_files_that_did_not_change_are_not_touched(tmp_path: Path) -> None:
    rendered = Rendered({"helm/dev/values.yaml": TEXT, "helm/prod/values.yaml": TEXT}, ("helm",))
    assert write(rendered, tmp_path) == Changes(created=("helm/dev/values.yaml", "helm/prod/values.yaml"))
    before = (tmp_path / "helm/dev/values.yaml").stat()
    changed = Rendered({**rendered.files, "helm/prod/values.yaml": TEXT + "b: 2\n"}, ("helm",))
    assert write(changed, tmp_path) == Changes(updated=("helm/prod/values.yaml",))
    after = (tmp_path / "helm/dev/values.yaml").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_what_an_earlier_render_left_is_removed_and_what_others_wrote_is_not(tmp_path: Path) -> None:
    write(Rendered({"helm/old/values.yaml": TEXT, "helm/dev/values.yaml": TEXT}, ("helm",)), tmp_path)
    (tmp_path / "helm/mine.yaml").write_text("mine: 1\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/values.yaml").write_text(TEXT)
    assert write(Rendered({"helm/dev/values.yaml": TEXT}, ("helm",)), tmp_path).removed == ("helm/old/values.yaml",)
    assert set(snapshot(tmp_path)) == {"helm/dev/values.yaml", "helm/mine.yaml", "other/values.yaml"}
    assert not (tmp_path / "helm/old").exists()


def test_a_file_of_somebody_else_is_not_overwritten_and_nothing_else_is_written(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("mine: 1\n")
    with pytest.raises(SourceError, match=r"b\.yaml: exists and was not rendered by configgen; move it away"):
        write(Rendered({"a.yaml": TEXT, "b.yaml": TEXT}, ()), tmp_path)
    assert snapshot(tmp_path) == {"b.yaml": "mine: 1\n"}


def test_comparing_writes_nothing(tmp_path: Path) -> None:
    assert compare(Rendered({"a/b.yaml": TEXT}, ("a",)), tmp_path).created == ("a/b.yaml",)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    write(Rendered({"a.yaml": TEXT}, ()), tmp_path)
    big = TEXT + "x" * 10_000
    with small_disk(4096), pytest.raises(SourceError, match=r"z/big\.yaml: can not be written"):
        write(Rendered({"a.yaml": TEXT + "new: 1\n", "z/big.yaml": big}, ()), tmp_path)
    assert snapshot(tmp_path) == {"a.yaml": TEXT}
    assert not (tmp_path / "z").exists()


def test_a_folder_that_may_not_be_written(nobodys_folder: Path) -> None:
    nobodys_folder.chmod(0o555)
    with pytest.raises(SourceError, match="may not be written: permission denied"):
        write(Rendered({"a.yaml": TEXT}, ()), nobodys_folder)


def test_a_file_where_a_folder_has_to_be(tmp_path: Path) -> None:
    (tmp_path / "helm").write_text("a file\n")
    with pytest.raises(SourceError, match="is no folder"):
        write(Rendered({"helm/values.yaml": TEXT}, ()), tmp_path)


def test_new_files_have_the_usual_mode_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write(Rendered({"a.yaml": TEXT}, ()), tmp_path)
        assert (tmp_path / "a.yaml").stat().st_mode & 0o777 == 0o640
        (tmp_path / "a.yaml").chmod(0o600)
        write(Rendered({"a.yaml": TEXT + "b: 1\n"}, ()), tmp_path)
        assert (tmp_path / "a.yaml").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(mask)
