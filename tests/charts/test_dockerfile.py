"""The image's recipe keeps its promises: pinned, not root, nothing that builds in what is shipped. There is no Docker
engine here, so the file itself is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage: (instruction, its arguments on one line)."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "image/Dockerfile").read_text())
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    found: list[list[tuple[str, str]]] = []
    for line in lines:
        instruction, _, arguments = line.partition(" ")
        assert instruction in INSTRUCTIONS, f"unknown instruction {instruction}"
        if instruction == "FROM":
            found.append([])
        found[-1].append((instruction, arguments.strip()))
    return found


def test_base_images_are_pinned_to_a_full_version(stages: list[list[tuple[str, str]]]) -> None:
    images = {arguments.split()[0] for stage in stages for instruction, arguments in stage if instruction == "FROM"}
    assert len(images) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", images.pop())


def test_every_package_is_pinned_by_hash(stages: list[list[tuple[str, str]]]) -> None:
    installs = [
        command
        for stage in stages
        for instruction, arguments in stage
        if instruction == "RUN"
        for command in arguments.split("&&")
        if re.search(r"\bpip\b.* install\b", command)
    ]
    assert installs
    assert all("--require-hashes" in command or "--no-index" in command for command in installs), installs
    for name in re.findall(r"-r (\S+)", " ".join(installs)):
        assert "--hash=sha256:" in (ROOT / name).read_text()


def test_the_shipped_stage_only_copies_and_does_not_run_as_root(stages: list[list[tuple[str, str]]]) -> None:
    final = stages[-1]
    assert [arguments for instruction, arguments in final if instruction == "USER"] == ["65532:65532"]
    runs = [arguments for instruction, arguments in final if instruction == "RUN"]
    assert runs == ["python -m pip uninstall --yes --quiet pip"]
    assert [arguments for instruction, arguments in final if instruction == "COPY"] == [
        "--from=build /opt/controller /opt/controller"
    ]


def test_what_is_copied_from_the_checkout_is_there_and_not_ignored(stages: list[list[tuple[str, str]]]) -> None:
    ignored = (ROOT / "image/Dockerfile.dockerignore").read_text().splitlines()
    for instruction, arguments in stages[0]:
        if instruction == "COPY":
            for source in arguments.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in ignored or f"!{source}/**" in ignored


def test_it_starts_the_command_that_the_manifests_pass_arguments_to(stages: list[list[tuple[str, str]]]) -> None:
    final = dict(stages[-1])
    assert final["ENTRYPOINT"] == '["/opt/controller/bin/controller"]'
    assert '"run"' in final["CMD"]
