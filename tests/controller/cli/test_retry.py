"""What a retry by hand is made of."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli.retry import retried
from pluginmachinery.api import names


def task(name: str = "train", **spec: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"team": "ml"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "x"},
    }
    template = {"type": "container", "container": {"image": "i"}}
    return {"metadata": metadata, "spec": {"template": template, **spec}, "status": {"phase": "Failed"}}


def test_a_retry_is_the_same_task_under_a_name_of_its_own() -> None:
    earlier = task(priority=3, inputs={"literals": {}})
    made = retried(earlier, {"train"})
    assert made["metadata"] == {
        "name": "train-retry-1",
        "namespace": "ns",
        "labels": {"team": "ml", names.RETRY_OF: "train"},
        "annotations": {"note": "x"},
    }
    assert made["spec"] == earlier["spec"]
    assert "status" not in made


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("train", set(), "train-retry-1"),
        ("train", {"train-retry-1", "train-retry-2"}, "train-retry-3"),
        ("train-retry-1", {"train", "train-retry-1"}, "train-retry-2"),
        ("train-retry-9", {"train-retry-10"}, "train-retry-11"),
    ],
)
def test_names_count_on(name: str, taken: set[str], expected: str) -> None:
    assert retried(task(name), taken)["metadata"]["name"] == expected


def test_a_long_name_stays_a_name() -> None:
    made = retried(task("a" * 253), set())["metadata"]
    assert len(made["name"]) <= 253
    assert len(made["labels"][names.RETRY_OF]) <= 63


def test_what_stopped_the_earlier_one_and_what_would_clash_is_left_out() -> None:
    made = retried(task(abort=True, suspend=True, generatedName="x-n0-0"), set())
    assert set(made["spec"]) == {"template"}


def test_what_is_written_goes_into_a_folder_of_its_own_and_checkpoints_are_found() -> None:
    spec = retried(
        task(
            outputPrefix="s3://b/out/", rawOutputPrefix="s3://b/raw", checkpointPrefix="s3://b/cp", inputPath="s3://b/i"
        ),
        set(),
    )["spec"]
    assert spec["outputPrefix"] == "s3://b/out/train-retry-1"
    assert spec["rawOutputPrefix"] == "s3://b/raw/train-retry-1"
    assert spec["checkpointPrefix"] == "s3://b/cp/train-retry-1"
    assert spec["previousCheckpointPrefix"] == "s3://b/cp"
    assert spec["inputPath"] == "s3://b/i"


def test_our_finalizer_is_kept_and_others_are_not() -> None:
    earlier = task()
    earlier["metadata"]["finalizers"] = ["other", names.FINALIZER]
    assert retried(earlier, set())["metadata"]["finalizers"] == [names.FINALIZER]
