"""Every command against every kind of bad file: one clear message with its place, exit code 2, an untouched tree."""

from __future__ import annotations

import codecs
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.configgen.conftest import PLUGINS, Configgen, small_disk

Spoil = Callable[[Path], object]
ENVIRONMENTS = """\
environments:
  dev: {layers: [base], namespace: n}
  prod: {layers: [base, prod], namespace: n}
"""
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{upper}: &{upper} [{','.join([f'*{lower}'] * 9)}]\n" for lower, upper in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{number}: &a{number} [*a{number - 1}]\n" for number in range(1, 2000))


def text(content: str) -> Spoil:
    return lambda path: path.write_text(content)


def raw(content: bytes) -> Spoil:
    return lambda path: path.write_bytes(content)


def sparse(path: Path) -> None:
    """3 GiB that nobody could read within the memory that tests have."""
    with path.open("wb") as file:
        file.truncate(3 << 30)


BROKEN: Mapping[str, tuple[Spoil, str, str]] = {
    "an unclosed bracket": (text("plugins: [\n"), ":2:1: ", "did not find expected node content"),
    "a tab": (text("plugins:\n\tk8s: 1\n"), ":2:1: ", "a tab in the indentation; indent with spaces"),
    "a control character": (text("plugins: \x07\n"), ":1: ", "character #x0007 may not appear in"),
    "ten thousand levels": (text("plugins: " + "{a: " * 10_000 + "}" * 10_000), ":1:", "nested deeper than"),
    "lists without end": (text("[" * 100_000), ":1:", "nested deeper than"),
    "NUL": (raw(b"plugins:\0\n"), ": ", "is a binary file; only YAML files belong here"),
    "UTF-16": (
        raw(codecs.BOM_UTF16_LE + PLUGINS.encode("utf-16-le")),
        ": ",
        "is a text in UTF-16; save the file as UTF-8",
    ),
    "another encoding": (raw("a: 1\nb: é\n".encode("latin-1")), ":2: ", "is no UTF-8 text; save the file as UTF-8"),
    "compressed": (raw(b"\x1f\x8b\x08\x00\xff\xff"), ": ", "is a binary file"),
    "3 GiB": (sparse, ": ", "has 3072.0 MiB, more than the limit of 2 MiB"),
    "a link to itself": (
        lambda path: path.symlink_to(path),
        ": ",
        "is a symbolic link that leads back to itself; point the link at a real file",
    ),
    "a link to nothing": (lambda path: path.symlink_to("gone"), ": ", "does not exist; check the name, or create it"),
    "a pipe": (os.mkfifo, ": ", "is no regular file; a file is expected here"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), ": ", "is no regular file; a file is expected here"),
}
"""Bad wherever it stands: what it is, how its place begins after the file's name, what is said."""

SPOILT_SOURCE: Mapping[str, tuple[Spoil, str, str]] = {
    **BROKEN,
    "a folder": (lambda path: path.mkdir(), ": ", "is a folder; a file is expected here"),
    "a key twice": (text("a: 1\nb: 1\na: 2\n"), ":3:1: ", "the key 'a' twice; it is in line 1 already: keep one"),
    "aliases of aliases": (text(LAUGHS), ":1:4: ", "an anchor (a); write the value out"),
    "an anchor that contains itself": (text("a: &a {b: *a}\n"), ":1:11: ", "an alias (a); write the value out"),
    "a merge key": (text("a: {<<: {b: 1}}\n"), ":1:5: ", "a merge key (<<); write the keys out"),
    "an object of Python": (text("a: !!python/name:os.system\n"), ":1:4: ", "the tag !!python/name:os.system; known"),
    "!!binary": (text("a: !!binary eA==\n"), ":1:4: ", "the tag !!binary; known tags"),
    "a second document": (text("a: 1\n---\nb: 2\n"), ":2:1: ", "a second document in one file"),
}
SOURCE_COMMANDS = {
    "render": ["render", "--all", "--out", "out"],
    "render --check": ["render", "--env", "prod", "--check", "--out", "out"],
    "explain": ["explain", "plugins.k8s.default-cpus", "--env", "prod"],
    "diff": ["diff", "dev", "prod"],
    "simulate": ["simulate", "--task", "container", "--env", "prod"],
    "catalog": ["catalog", "--env", "prod"],
    "fmt": ["fmt"],
    "fmt --check": ["fmt", "--check"],
    "migrate": ["migrate", "--to", "flyte2"],
    "check": ["check", "--env", "prod", "--kubeconfig", "gone"],
}
PLACES = {"a document": "prod/config/b.yaml", "the definition": "configgen.yaml"}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_source(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_source(folder: Path) -> None:
    for layer, content in (("base", PLUGINS), ("prod", "plugins: {k8s: {default-cpus: 2}}\n")):
        (folder / layer / "config").mkdir(parents=True)
        (folder / layer / "config/a.yaml").write_text(content)
    (folder / "configgen.yaml").write_text(ENVIRONMENTS)


def snapshot(folder: Path) -> dict[str, object]:
    """All that is there, down to modes and contents; links are not followed."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        small = stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20
        found[path.relative_to(folder).as_posix()] = (
            status.st_mode,
            status.st_size,
            path.read_bytes() if small else b"",
        )
    return found


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("spoil", "where", "message"), SPOILT_SOURCE.values(), ids=SPOILT_SOURCE)
def test_in_a_source(spoil: Spoil, where: str, message: str, place: str, configgen: Configgen, source: Path) -> None:
    (source / place).unlink(missing_ok=True)
    spoil(source / place)
    before = snapshot(source)
    for command, arguments in SOURCE_COMMANDS.items():
        result = configgen(*arguments)
        assert result.exit_code == 2, (command, result.output)
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert any(line.startswith(f"error: {place}{where}") and message in line for line in lines), (command, lines)
        assert all(line.startswith("error: ") for line in lines[:-1]), (command, lines)
    assert snapshot(source) == before


@pytest.mark.parametrize(("spoil", "where", "message"), SPOILT_SOURCE.values(), ids=SPOILT_SOURCE)
def test_a_release_and_lint(spoil: Spoil, where: str, message: str, configgen: Configgen, source: Path) -> None:
    """Lint goes on with what can be read: a file that can not is a finding."""
    spoil(source / "prod/release.yaml")
    before = snapshot(source)
    assert configgen("render", "--all", "--out", "out").exit_code == 2
    result = configgen("lint")
    assert result.exit_code == 1
    assert f"prod/release.yaml{where}" in result.stdout
    assert message.split(";")[0] in result.stdout
    assert snapshot(source) == before


SPOILT_FILE: Mapping[str, tuple[Spoil, str, str]] = {
    **BROKEN,
    "aliases of aliases": (
        text(LAUGHS),
        ":6:4: ",
        "with its aliases written out this comes to more than 100000 values",
    ),
    "an anchor that contains itself": (text("plugins: &a {k8s: *a}\n"), ":1:10: ", "an anchor that contains itself"),
    "a chain of aliases": (text(CHAIN), ":100:6: ", "nested deeper than 100 levels"),
}
FILE_COMMANDS = {
    "import": ["import", "file.yaml", "--into", "out"],
    "init": ["-C", "out", "init", "--from", "prod=file.yaml"],
    "diff": ["diff", "./file.yaml", "dev"],
    "simulate --file": ["simulate", "--task", "container", "--file", "file.yaml"],
    "simulate --task": ["simulate", "--task", "file.yaml", "--env", "dev"],
    "lint": ["lint", "--file", "file.yaml"],
    "migrate": ["migrate", "--to", "flyte2", "--file", "file.yaml"],
}


@pytest.mark.parametrize(("spoil", "where", "message"), SPOILT_FILE.values(), ids=SPOILT_FILE)
def test_a_file_of_others(spoil: Spoil, where: str, message: str, configgen: Configgen, source: Path) -> None:
    spoil(source / "file.yaml")
    before = snapshot(source)
    for command, arguments in FILE_COMMANDS.items():
        result = configgen(*arguments)
        # A file that can be opened and does not parse is something that lint finds.
        assert result.exit_code in ((1, 2) if command == "lint" else (2,)), (command, result.output)
        assert f"file.yaml{where}" in result.output, command
        assert message.split(";")[0] in result.output, (command, result.output)
        assert result.output.count(message.split(";")[0]) == 1, (command, result.output)
    assert snapshot(source) == before


def test_values_twice_by_an_anchor_are_taken_as_flyte_takes_them(configgen: Configgen, source: Path) -> None:
    (source / "file.yaml").write_text(
        "x: &labels {default-labels: {team: a}}\nplugins: {k8s: {<<: *labels, default-cpus: 3}}\n" + PLUGINS
    )
    assert configgen("import", "file.yaml", "--into", "out").exit_code == 0
    shown = configgen("-C", "out", "explain", "plugins.k8s.default-labels", "--env", "file").stdout
    assert "team" in shown


UNREADABLE = {"a document": "prod/config/a.yaml", "the definition": "configgen.yaml", "a layer": "prod/config"}


@pytest.mark.parametrize("name", UNREADABLE.values(), ids=UNREADABLE)
def test_what_an_unprivileged_user_may_not_read(
    name: str, configgen: Configgen, nobodys_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_source(nobodys_folder)
    monkeypatch.chdir(nobodys_folder)
    commands = {**SOURCE_COMMANDS, "import": ["import", name, "--into", "new"]}
    with as_root():  # what a command imports may not be readable for everybody
        for arguments in commands.values():
            configgen(*arguments)
        shutil.rmtree("out")
        shutil.rmtree("new")
    mode = (nobodys_folder / name).stat().st_mode
    (nobodys_folder / name).chmod(0)
    before = sorted(path.name for path in nobodys_folder.iterdir())
    for command, arguments in commands.items():
        result = configgen(*arguments)
        assert result.exit_code == 2, (command, result.output)
        assert result.stderr.startswith(f"error: {name}: may not be read: permission denied; check the owner"), command
    assert sorted(path.name for path in nobodys_folder.iterdir()) == before
    (nobodys_folder / name).chmod(mode)


@contextmanager
def as_root() -> Iterator[None]:
    """For who was it to begin with."""
    user = os.geteuid()
    if os.getuid() == 0:
        os.seteuid(0)
    try:
        yield
    finally:
        os.seteuid(user)


WRITING = {
    "render, new": ["render", "--all", "--out", "new"],
    "render, changed": ["render", "--all", "--out", "deploy"],
    "fmt": ["fmt"],
    "import": ["import", "values.yaml", "--into", "new"],
    "init": ["-C", "new", "init"],
    "migrate": ["migrate", "--to", "flyte2", "--write"],
    "schema": ["schema", "--out", "new"],
}
DONE = {"migrate": 1}
"""Exit code of a command that succeeds: there is always something left to say about a move."""
REFUSALS = {
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EDQUOT: "the quota is used up",
    errno.EIO: "Input/output error",
}
SEAMS = ("mkstemp", "replace", "link and copy", "unlink", "mkdir", "chmod")


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("command", WRITING)
def test_a_disk_that_refuses_leaves_the_tree_as_it_was(
    command: str, seam: str, configgen: Configgen, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the operating system refuses, and at whichever file: the first, the second, … until all goes well."""
    (source / "values.yaml").write_text("configuration: {inline: {plugins: {k8s: {default-cpus: 1}}}}\n")
    assert configgen("render", "--all", "--out", "deploy").exit_code == 0
    (source / "prod/config/a.yaml").write_text("task_resources: {}\nplugins:\n  k8s:\n    default-cpus: 5\n")
    (source / "base/config/a.yaml").write_text(f"plugins: {{}}\n{PLUGINS}")
    (source / "prod/config/b.yaml").write_text("tasks: {}\nplugins:\n  k8s: {default-labels: {a: b}}\n")
    definition = (source / "configgen.yaml").read_text()
    (source / "configgen.yaml").write_text(definition.replace("  dev: {layers: [base], namespace: n}\n", ""))
    before = snapshot(source)
    codes = list(REFUSALS)
    for allowed in range(100):
        code = codes[allowed % len(codes)]
        with monkeypatch.context() as patched:
            refused = refuse(patched, seam, code, allowed)
            result = configgen(*WRITING[command])
        if not refused:
            assert result.exit_code == DONE.get(command, 0), result.stderr
            return
        if result.exit_code == DONE.get(command, 0):  # taking a spare name away is not worth a failure
            assert seam == "unlink"
            return
        assert result.exit_code == 2
        assert REFUSALS[code] in result.stderr
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert snapshot(source) == before, (allowed, errno.errorcode[code])
    pytest.fail("it never went well")


def refuse(patched: pytest.MonkeyPatch, seam: str, code: int, allowed: int) -> list[str]:
    """After so many calls the next one fails, as on a disk that is full; the calls after it succeed."""
    refused: list[str] = []
    count = 0

    def failing(original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == allowed + 1:
                refused.append(seam)
                raise OSError(code, os.strerror(code), str(arguments[0]) if arguments else None)
            return original(*arguments, **named)

        return call

    match seam:
        case "mkstemp":
            patched.setattr(tempfile, "mkstemp", failing(tempfile.mkstemp))
        case "link and copy":
            patched.setattr(os, "link", never_linked)
            patched.setattr(shutil, "copy2", failing(shutil.copy2))
        case _:
            patched.setattr(Path, seam, failing(getattr(Path, seam)))
    return refused


def never_linked(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "no links here")


def test_a_disk_of_a_few_bytes(configgen: Configgen, source: Path) -> None:
    (source / "values.yaml").write_text("configuration: {inline: {plugins: {k8s: {default-cpus: 1}}}}\n")
    (source / "prod/config/b.yaml").write_text("tasks: {}\nplugins:\n  k8s: {default-labels: {a: b}}\n")
    before = snapshot(source)
    for command in WRITING.keys() - {"migrate"}:  # which has nothing to write here
        with small_disk(10):
            result = configgen(*WRITING[command])
        assert result.exit_code == 2, command
        assert "can not be written" in result.stderr
        assert snapshot(source) == before


OUTPUT_IN_THE_WAY: Mapping[str, tuple[Spoil, str]] = {
    "a pipe": (os.mkfifo, "exists and was not rendered by configgen"),
    "a folder": (lambda path: path.mkdir(), "exists and was not rendered by configgen"),
    "a link to itself": (lambda path: path.symlink_to(path), "is a symbolic link that leads back to itself"),
    "3 GiB of others": (sparse, "exists and was not rendered by configgen"),
}


@pytest.mark.parametrize(("spoil", "message"), OUTPUT_IN_THE_WAY.values(), ids=OUTPUT_IN_THE_WAY)
def test_what_stands_where_a_file_is_rendered_to(
    spoil: Spoil, message: str, configgen: Configgen, source: Path
) -> None:
    (source / "out/helm/dev").mkdir(parents=True)
    spoil(source / "out/helm/dev/values.yaml")
    before = snapshot(source)
    for check in ([], ["--check"]):
        result = configgen("render", "--env", "dev", "--target", "helm", "--out", "out", *check)
        assert result.exit_code == 2
        assert f"out/helm/dev/values.yaml: {message}" in result.stderr
    assert snapshot(source) == before


def test_links_that_lead_in_circles_in_the_output_folder(configgen: Configgen, source: Path) -> None:
    (source / "out/helm").mkdir(parents=True)
    (source / "out/helm/again").symlink_to("..")
    assert configgen("render", "--all", "--out", "out").exit_code == 0
    assert configgen("render", "--all", "--out", "out", "--check").exit_code == 0


def test_folders_that_contain_each_other(configgen: Configgen, tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").symlink_to(f"../{other}")
        (tmp_path / name / "y").symlink_to(f"../{other}")
    result = configgen("import", tmp_path / "a", "--into", tmp_path / "new")
    assert result.exit_code == 2
    assert f"{tmp_path}/a/x/x: is a symbolic link that leads back to itself" in result.stderr
    assert not (tmp_path / "new").exists()


LAYERS = {
    "twice": ("[base, prod, base]", "the layer 'base' twice; it is in line 3 already"),
    "above the source": ("[../other]", "'../other' is no folder below the source"),
    "absolute": ("[/etc]", "'/etc' is no folder below the source"),
    "the source itself": ("[.]", "'.' is no folder below the source"),
    "a file": ("[configgen.yaml]", "configgen.yaml: is no folder; a folder is expected here"),
    "a link to itself": ("[loop]", "loop: is a symbolic link that leads back to itself"),
    "missing": ("[bsae]", "environments.prod.layers: the layer 'bsae' is no folder of the source; create it, or mend"),
}


@pytest.mark.parametrize(("layers", "message"), LAYERS.values(), ids=LAYERS)
def test_layers_that_are_none(layers: str, message: str, configgen: Configgen, source: Path) -> None:
    """Layers include nothing, so there is no cycle but one of links."""
    (source / "loop").symlink_to("loop")
    (source / "configgen.yaml").write_text(ENVIRONMENTS.replace("[base, prod]", layers))
    before = snapshot(source)
    for command, arguments in SOURCE_COMMANDS.items():
        result = configgen(*arguments)
        assert result.exit_code == 2, command
        assert message in result.stderr, (command, result.stderr)
    assert snapshot(source) == before


@pytest.mark.parametrize("command", ["explain", "simulate", "catalog", "diff", "render", "lint"])
def test_an_unknown_environment(command: str, configgen: Configgen, source: Path) -> None:
    arguments = {**SOURCE_COMMANDS, "lint": ["lint", "--env", "prod"]}[command]
    arguments = ["prd" if word == "prod" else word for word in arguments]
    if command == "render":
        arguments = ["render", "--env", "prd", "--out", "out"]
    result = configgen(*arguments)
    assert result.exit_code == 2
    assert "no environment 'prd'; did you mean prod?" in result.stderr
