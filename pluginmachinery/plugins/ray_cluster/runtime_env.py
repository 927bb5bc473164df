"""What a job wants to have installed and set where it runs (Ray's *runtime environment*), as YAML.

Tasks give it as YAML, or – an older form – as JSON in base64.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

import yaml

from pluginmachinery.core.errors import PluginError

if TYPE_CHECKING:
    from flyteidl.plugins.ray_pb2 import RayJob

BAD_RUNTIME_ENVIRONMENT = "BadRuntimeEnvironment"


def runtime_env_yaml(job: RayJob) -> str:
    """The runtime environment as YAML, "" where there is none. Raises PluginError ``BadRuntimeEnvironment``."""
    if job.runtime_env_yaml or not job.runtime_env:
        return str(job.runtime_env_yaml)
    try:
        # Line breaks within are allowed, as Go has it.
        text = base64.b64decode(job.runtime_env.replace("\n", "").replace("\r", ""), validate=True)
        value = json.loads(text)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _bad("is not JSON in base64") from error
    if not isinstance(value, dict | None):
        raise _bad("is not a JSON object")
    dumped: str = yaml.dump(_plain(value or {}), Dumper=_Dumper, allow_unicode=True)
    return dumped


def _bad(why: str) -> PluginError:
    return PluginError(BAD_RUNTIME_ENVIRONMENT, f"the runtime environment {why}", field="custom.runtimeEnv")


def _plain(value: Any) -> Any:
    """Numbers as Go reads them from JSON: all of them floats, printed without a fraction that is none."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Dumper(yaml.SafeDumper):
    """Texts that would be read as something else stand in double quotes."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - equal parts are written out
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    string = "tag:yaml.org,2002:str"
    ambiguous = dumper.resolve(yaml.ScalarNode, value, (True, False)) != string  # type: ignore[no-untyped-call]
    style = "|" if "\n" in value else '"' if ambiguous else None
    return dumper.represent_scalar(string, value, style=style)


_Dumper.add_representer(str, _text)
