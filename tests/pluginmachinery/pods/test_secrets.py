"""How a pod tells which secrets it wants."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flyteidl.core.security_pb2 import Secret
from google.protobuf import json_format, text_format
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.pods.secrets import described_secrets, describing_annotations

FLYTE_ALPHABET = "abcdefghijklmnopqrstuvwxyz123456"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def described(**secret: Any) -> str:
    return describing_annotations([json_format.ParseDict(secret, Secret())])["flyte.secrets/s0"]


def decoded(annotation: str) -> str:
    standard = annotation.translate(str.maketrans(FLYTE_ALPHABET, ALPHABET))
    return base64.b32decode(standard + "=" * (-len(standard) % 8)).decode("ascii")


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        pytest.param({"key": "only"}, 'key: "only"\n', id="key alone"),
        pytest.param(
            {"group": "g", "groupVersion": "v", "key": "k", "mountRequirement": "FILE", "envVar": "E"},
            'group: "g"\ngroup_version: "v"\nkey: "k"\nmount_requirement: FILE\nenv_var: "E"\n',
            id="everything",
        ),
        pytest.param({"mountRequirement": "ANY"}, "", id="any mount is as if not said"),
        pytest.param({"group": 'a"b', "key": "x\n\t\r\\"}, 'group: "a\\"b"\nkey: "x\\n\\t\\r\\\\"\n', id="escapes"),
        pytest.param({"key": "it's é\x01"}, 'key: "it\'s \\303\\251\\001"\n', id="bytes beyond ASCII"),
    ],
)
def test_description(secret: dict[str, Any], expected: str) -> None:
    assert decoded(described(**secret)) == expected


def test_descriptions_are_numbered() -> None:
    assert list(describing_annotations([Secret(key="a"), Secret(key="b")])) == ["flyte.secrets/s0", "flyte.secrets/s1"]


@given(st.text(), st.text(), st.integers(0, 2))
def test_protobuf_reads_the_description(group: str, key: str, mount: int) -> None:
    secret = Secret(group=group, key=key, mount_requirement=mount)
    annotation = describing_annotations([secret])["flyte.secrets/s0"]
    assert text_format.Parse(decoded(annotation), Secret()) == secret


@pytest.mark.parametrize(
    ("secret", "field"),
    [
        pytest.param({"mountRequirement": 7}, "securityContext.secrets[0].mountRequirement", id="no such mount"),
        pytest.param({"key": "x" * 200_000}, "securityContext.secrets[0]", id="too long for an annotation"),
    ],
)
def test_secrets_that_can_not_be_described(secret: dict[str, Any], field: str) -> None:
    with pytest.raises(PluginError) as caught:
        described(**secret)
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, field)


SECRETS = st.builds(
    Secret,
    group=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    group_version=st.text("abc"),
    key=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    mount_requirement=st.sampled_from([0, 1, 2]),
    env_var=st.text("ABC_"),
)


@given(st.lists(SECRETS, max_size=12))
def test_what_is_described_is_read_back(secrets: list[Secret]) -> None:
    described = described_secrets({"other": "x", **describing_annotations(secrets)})
    assert list(described.values()) == secrets


@pytest.mark.parametrize(
    "text", ["0", "a", "mzxw6===", "!", "nbswy2dp"], ids=["digit", "cut", "padded", "sign", "words"]
)
def test_a_description_that_is_none_is_named(text: str) -> None:
    with pytest.raises(PluginError, match="describes no secret") as raised:
        described_secrets({"flyte.secrets/s0": "", "flyte.secrets/s7": text})
    assert raised.value.field == "flyte.secrets/s7"
