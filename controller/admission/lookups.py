"""Secrets that this process has itself, as variables or files: Flyte's *global* secrets.

``<env-prefix><GROUP>_<KEY>`` is looked at first, then the file ``<secrets-prefix>/<group>/<key>``. Whoever may create a
pod names group and key: a name that would lead out of the folder finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pluginmachinery.config.webhook import SecretLookupConfig
from pluginmachinery.core.errors import bad_task

LARGEST = 1024 * 1024
"""Bytes; no Kubernetes secret is larger."""


@dataclass(frozen=True, slots=True)
class OwnSecrets:
    """``environment`` is that of this process."""

    config: SecretLookupConfig
    environment: Mapping[str, str]

    def __call__(self, group: str, key: str) -> str | None:
        """The value, None where there is none. Raises PluginError where there is one that no variable can hold."""
        value = self.environment.get(f"{self.config.env_prefix}{group.upper()}_{key.upper()}")
        return value if value is not None else self._in_file(group, key)

    def _in_file(self, group: str, key: str) -> str | None:
        if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in (group, key)):
            return None
        file = Path(self.config.secrets_prefix, group, key)
        try:
            if not file.is_file():
                return None
            content = file.read_bytes()
        except OSError as error:
            raise bad_task(f"the webhook can not read its secret {key} of group {group}: {error.strerror}") from error
        if len(content) > LARGEST or b"\0" in content:
            raise bad_task(f"the webhook's secret {key} of group {group} is no text that fits into a variable")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise bad_task(f"the webhook's secret {key} of group {group} is no text") from error
