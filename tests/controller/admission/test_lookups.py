"""Secrets that the webhook's own process has."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.admission.lookups import LARGEST, OwnSecrets
from pluginmachinery.config.webhook import SecretLookupConfig
from pluginmachinery.core.errors import PluginError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside").write_text("not for pods")
    (tmp_path / "secrets/Group").mkdir(parents=True)
    (tmp_path / "secrets/Group/Key").write_text("from a file\n")
    return tmp_path / "secrets"


@pytest.fixture
def own(folder: Path) -> OwnSecrets:
    environment = {"FLYTE_SECRET_G_K": "from a variable", "FLYTE_SECRET_GROUP_OTHER": "x", "HOME": "/"}
    return OwnSecrets(SecretLookupConfig(secrets_prefix=str(folder)), environment)


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("g", "k", "from a variable"),
        ("G", "K", "from a variable"),
        ("Group", "Key", "from a file\n"),
        ("group", "key", None),
        ("Group", "", None),
        ("", "HOME", None),
        ("..", "outside", None),
        ("Group/..", "../outside", None),
        ("Group", "../../outside", None),
        ("Group", "Key\0", None),
        (".", "Group", None),
    ],
)
def test_what_is_found(own: OwnSecrets, group: str, key: str, value: str | None) -> None:
    assert own(group, key) == value


def test_a_variable_goes_before_a_file(folder: Path) -> None:
    own = OwnSecrets(SecretLookupConfig(secrets_prefix=str(folder), env_prefix="X_"), {"X_GROUP_KEY": "v"})
    assert own("Group", "Key") == "v"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b", b"x" * (LARGEST + 1)], ids=["no text", "zero", "too long"])
def test_what_no_variable_can_hold_is_refused_without_being_shown(
    own: OwnSecrets, folder: Path, content: bytes
) -> None:
    (folder / "Group/Key").write_bytes(content)
    with pytest.raises(PluginError, match="secret Key of group Group is no text"):
        own("Group", "Key")
