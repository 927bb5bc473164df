"""AdmissionReviews: questions, answers, and what is no question."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from controller.admission.reviews import NoReview, answer, patch
from pluginmachinery.core.errors import bad_task


def review(pod: Any, **request: Any) -> bytes:
    body = {"uid": "u1", "namespace": "ns", "operation": "CREATE", "object": pod, **request}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": body}).encode()


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c"}], **spec}}


def test_a_pod_that_is_changed() -> None:
    found = answer(review(pod()), lambda given: {**given, "spec": {**given["spec"], "volumes": [{"name": "v"}]}})
    response = found.body["response"]
    assert (found.outcome, found.pod) == ("changed", "ns/p-…")
    assert {key: response[key] for key in ("uid", "allowed", "patchType")} == {
        "uid": "u1",
        "allowed": True,
        "patchType": "JSONPatch",
    }
    assert json.loads(base64.b64decode(response["patch"])) == [
        {"op": "add", "path": "/spec/volumes", "value": [{"name": "v"}]}
    ]


def test_a_pod_that_stays_as_it_is_gets_no_patch() -> None:
    found = answer(review(pod()), lambda given: given)
    assert found.body["response"] == {"uid": "u1", "allowed": True}
    assert found.outcome == "unchanged"


def test_a_pod_that_is_refused_is_told_why() -> None:
    def refuse(_: Any) -> Any:
        raise bad_task("nobody has it", field="flyte.secrets/s0")

    found = answer(review(pod(), name="p"), refuse)
    status = {"code": 400, "reason": "BadRequest", "message": "flyte.secrets/s0: nobody has it"}
    assert found.body["response"] == {"uid": "u1", "allowed": False, "status": status}
    assert (found.outcome, found.pod) == ("refused", "ns/p")


def test_a_deletion_has_no_pod_to_change() -> None:
    assert answer(review(None, operation="DELETE"), lambda _: pytest.fail("asked")).body["response"]["allowed"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"apiVersion": "admission.k8s.io/v1"}',
        b'{"apiVersion": "admission.k8s.io/v1beta1", "request": {"uid": "u"}}',
        b'{"apiVersion": "admission.k8s.io/v1", "request": {}}',
    ],
)
def test_what_is_no_review(body: bytes) -> None:
    with pytest.raises(NoReview):
        answer(body, lambda given: given)


def test_a_patch_says_what_differs_and_takes_nothing_away() -> None:
    before = pod(volumes=[], hostname="h")
    after = {**before, "spec": {"containers": [{"name": "d"}], "volumes": [], "subdomain": "s"}}
    assert patch(before, after) == [
        {"op": "replace", "path": "/spec/containers", "value": [{"name": "d"}]},
        {"op": "add", "path": "/spec/subdomain", "value": "s"},
    ]
