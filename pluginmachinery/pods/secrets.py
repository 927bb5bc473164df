"""Stage *secrets*: what tells a webhook which secrets a pod wants – Flyte's, or ``controller webhook``.

Each secret of the task's security context is described in an annotation, in protobuf's text form and base32; a label
makes the webhook look at the pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pluginmachinery.core.errors import bad_task
from pluginmachinery.pods import names

if TYPE_CHECKING:
    from flyteidl.core.security_pb2 import Secret

ANNOTATION_PREFIX = "flyte.secrets/s"
LABEL = "inject-flyte-secrets"
LABEL_VALUE = "true"
MAX_ANNOTATION_LENGTH = 256 * 1024

_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "\\": r"\\"}


def describing_annotations(secrets: Iterable[Secret]) -> dict[str, str]:
    """The annotations that describe these secrets.

    Raises PluginError ``BadTaskSpecification`` for an unknown mount requirement or a description that is too long.
    """
    result = {}
    for index, secret in enumerate(secrets):
        field = f"securityContext.secrets[{index}]"
        text = names.base32(_text_form(secret, field).encode("ascii"))
        if len(text) > MAX_ANNOTATION_LENGTH:
            raise bad_task(f"a secret's description has at most {MAX_ANNOTATION_LENGTH} characters", field=field)
        result[f"{ANNOTATION_PREFIX}{index}"] = text
    return result


def described_secrets(annotations: Mapping[str, str]) -> dict[str, Secret]:
    """The secrets that these annotations of a pod describe, by annotation, in the order of their numbers.

    Raises PluginError ``BadTaskSpecification`` for a description that is none, naming its annotation.
    """
    from flyteidl.core.security_pb2 import Secret
    from google.protobuf import text_format

    described = sorted((len(name), name) for name in annotations if name.startswith(ANNOTATION_PREFIX))
    secrets = {}
    for _, name in described:
        try:
            text = names.from_base32(annotations[name].rstrip("=")).decode()
            secrets[name] = text_format.Parse(text, Secret())
        except (ValueError, text_format.ParseError) as error:
            raise bad_task("describes no secret: write it as FlytePropeller does", field=name) from error
    return secrets


def _text_form(secret: Secret, field: str) -> str:
    """protobuf's text form, one line for each field that is set, byte by byte as Go writes it."""
    mounts = secret.DESCRIPTOR.fields_by_name["mount_requirement"].enum_type.values_by_number
    if secret.mount_requirement not in mounts:
        raise bad_task(f"{secret.mount_requirement} is no mount requirement", field=f"{field}.mountRequirement")
    return "".join(
        f"{descriptor.name}: {_quoted(value) if isinstance(value, str) else mounts[value].name}\n"
        for descriptor, value in secret.ListFields()
    )


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if " " <= character <= "~":
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode())
