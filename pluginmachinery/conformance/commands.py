"""``check``: the conformance kit from the command line.

It prints each finding with its mend, and ends with 1 if there are any; 2 means that the plugin could not be checked.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import Any, NoReturn, cast

import orjson

from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import Document, read_strict
from pluginmachinery.config.problems import ConfigurationError
from pluginmachinery.conformance import examples
from pluginmachinery.conformance.checking import Finding, check
from pluginmachinery.conformance.examples import BadExample, Example
from pluginmachinery.core.errors import PluginError
from pluginmachinery.plugins.enabling import EnablingError, cleaned
from pluginmachinery.plugins.registry import BUILTIN, Discovery, PluginDeclaration, discover, instance, known_sections

FOUND, NOT_CHECKED = 1, 2


def run(plugin: str, *, config: Path | None, file: Path | None, output: str) -> int:
    """Check a plugin given by its ID, or as ``module:attribute`` of a plugin, its class or its declaration."""
    discovery = discover()
    found, declaration = _plugin(plugin, discovery)
    configuration = _configuration(config, discovery)
    tasks = _examples(found, declaration, configuration, file)
    findings = check(found, tasks)
    print(_as_json(plugin, tasks, findings) if output == "json" else _as_text(plugin, tasks, findings))
    return FOUND if findings else 0


def _plugin(name: str, discovery: Discovery) -> tuple[Any, PluginDeclaration | None]:
    if ":" in name:
        found = _imported(name)
        if not isinstance(found, PluginDeclaration):
            return found, None
        declaration: PluginDeclaration | None = found
    else:
        known = (*BUILTIN, *discovery.declarations)
        declaration = next((one for one in known if cleaned(one.id) == cleaned(name)), None)
    if declaration is None:
        failure = next((one for one in discovery.failures if one.id == cleaned(name)), None)
        _refuse(str(failure.reason) if failure else f"no plugin {name!r} is installed; give its ID or module:attribute")
    try:
        return instance(declaration), declaration
    except EnablingError as error:
        _refuse(str(error))


def _imported(name: str) -> Any:
    """What the name stands for; a class or a function is called."""
    module, _, attribute = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` has it, also when run as a script
    try:
        found = reduce(getattr, attribute.split("."), cast("Any", importlib.import_module(module)))
        return found() if isinstance(found, type) or (callable(found) and not hasattr(found, "id")) else found
    except Exception as error:
        _refuse(f"{name} can not be imported: {type(error).__name__}: {error}")


def _configuration(folder: Path | None, discovery: Discovery) -> Configuration:
    if folder is None:
        return Configuration()
    files = sorted(file for file in folder.glob("*.y*ml") if file.is_file())
    if not files:
        _refuse(f"{folder} has no *.yaml files")
    try:
        documents = [Document(str(file), file.read_text(encoding="utf-8")) for file in files]
        return read_strict(documents, known_sections=known_sections(discovery))
    except OSError as error:
        _refuse(f"{folder} can not be read: {error}")
    except ConfigurationError as error:
        _refuse("\n".join(map(str, error.problems)))


def _examples(
    plugin: Any, declaration: PluginDeclaration | None, config: Configuration, file: Path | None
) -> tuple[Example, ...]:
    plugin_id = str(getattr(plugin, "id", ""))
    try:
        if file is not None:
            return examples.read(file.read_text(encoding="utf-8"), config)
        if shipped := examples.of_builtin(plugin_id, config):
            return shipped
    except (OSError, BadExample, PluginError) as error:
        _refuse(f"{file}: {error}")
    print("no --examples: checked with a plain container task only", file=sys.stderr)
    return (examples.plain(declaration.task_types[0] if declaration and declaration.task_types else plugin_id, config),)


def _as_text(plugin: str, tasks: tuple[Example, ...], findings: list[Finding]) -> str:
    lines = [
        f"{finding.check} ({finding.example})\n    {finding.message}\n    mend: {finding.mend}" for finding in findings
    ]
    names = ", ".join(task.name for task in tasks)
    outcome = f"{len(findings)} findings" if findings else "conforms"
    return "\n".join([*lines, f"{plugin}: {outcome} (tried: {names})"])


def _as_json(plugin: str, tasks: tuple[Example, ...], findings: list[Finding]) -> str:
    answer = {
        "plugin": plugin,
        "examples": [task.name for task in tasks],
        "findings": [asdict(finding) for finding in findings],
    }
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()


def _refuse(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(NOT_CHECKED)
