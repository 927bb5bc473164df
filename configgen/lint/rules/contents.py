"""Contents: placeholders left in, endpoints of the sandbox, values that turn into something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from configgen.importers.forms import Form
from configgen.importers.texts import is_template
from configgen.lint.subjects import Hit, Subject
from configgen.lint.walking import steps
from pluginmachinery.config import kinds
from pluginmachinery.config.problems import Path

_PLACEHOLDER: Final = re.compile(
    r"<[A-Za-z][\w. -]*>|\$\{[^}]+\}"
    r"|\bCHANGE[-_ ]?ME\b|\bREPLACE[-_ ]?ME\b|\bYOUR[-_]\w+|\bTODO\b|\bFIXME\b|^x{3,}$|^__\w+__$"
)
_LOG_VARIABLE: Final = re.compile(r"\{\{\s*\.[a-z]")
_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}|\{%")
_OF_CHART: Final = re.compile(r"\{\{-?\s*(\.Values|\.Release|include|tpl|printf)\b")
_READ: Final = ("plugins", "tasks", "task_resources", "plugin-manager", "storage", "propeller")
"""Sections that plugins have to do with."""
_SANDBOX: Final = re.compile(r"(?i)minio|localhost:30\d{3}|host\.docker\.internal|flyte-sandbox")
_CLOUD: Final = re.compile(
    r"(?i)\barn:aws|\.amazonaws\.com|\.dkr\.ecr\.|^gs://|gcr\.io|googleapis|\.azurecr\.io|\.windows\.net|eks\.amazonaws"
)
_ACCOUNT: Final = re.compile(r"^arn:aws|\.iam\.gserviceaccount\.com$|\.rds\.amazonaws\.com$")
_CLOUD_NAME: Final = re.compile(r"(?i)(^|[-_/.])(prod|production|aws|eks|gcp|gke|azure|aks)([-_/.]|$)")


def placeholders(subject: Subject) -> Iterator[Hit]:
    """A placeholder that nobody has filled in. Variables of log links are none."""
    for path, value in _texts(subject.tree, ()):
        if path[0] not in _READ:
            continue
        templated = not _of_logs(path) and _TEMPLATE.search(value) and not _LOG_VARIABLE.search(value)
        if subject.is_values and _OF_CHART.search(value):
            templated = False  # Flyte's charts evaluate templates in some of their values
        marks = _PLACEHOLDER.search(value) or templated
        if marks and not _shell(path):
            yield Hit(path, "a placeholder is left in", "fill it in; templates are not evaluated")


def _of_logs(path: Path) -> bool:
    """Addresses of logs are templates by nature, in charts with a second layer around them."""
    return "logs" in path or str(path[-1]).endswith(("template-uri", "templateUris"))


def _shell(path: Path) -> bool:
    """Values that a program expands by itself."""
    return any(step in ("spark-config-default", "spark-config", "command", "args") for step in path)


def sandbox_endpoint(subject: Subject) -> Iterator[Hit]:
    """An endpoint of the sandbox in the configuration of a real cluster."""
    values = [one for one in _texts(subject.tree, ()) if one[0][0] in _READ]
    real = any(_CLOUD.search(value) for _, value in values) or bool(_CLOUD_NAME.search(subject.name))
    real = real or _cloud_store(subject)
    for path, value in values if real else ():
        if "://" in value and _SANDBOX.search(value) and not is_template(value):
            yield Hit(
                path, "an endpoint of the sandbox (MinIO) in a cloud's configuration", "name the cloud's, or remove it"
            )


def _cloud_store(subject: Subject) -> bool:
    """Values of a chart whose object store, or whose accounts, are a cloud's."""
    if subject.form is Form.FLYTE_CORE and subject.value("storage", "type") in ("s3", "gcs"):
        return True
    s3 = subject.value("configuration", "storage", "providerConfig", "s3", "authType")
    provider = subject.value("configuration", "storage", "provider")
    return (
        s3 == "iam"
        or provider in ("gcs", "azure")
        or any(_ACCOUNT.search(text) for _, text in _texts(subject.values, ()))
    )


def dashboard_links(subject: Subject) -> Iterator[Hit]:
    """Log links to the machine of whoever clicks on them."""
    for path, value in _texts(subject.tree, ()):
        if path[:2] == ("plugins", "logs") and re.match(r"https?://(localhost|127\.0\.0\.1)\b", value):
            yield Hit(path, "log links lead to the reader's own machine", "name an address that people can reach")


def booleans_as_text(subject: Subject) -> Iterator[Hit]:
    """An unquoted true or false where a text belongs: Flyte makes 1 or 0 of it."""
    for piece in subject.pieces:
        for step in steps(piece.tree):
            if isinstance(step.kind, kinds.Text) and isinstance(step.value, bool):
                said = str(step.value).lower()
                message = f'Flyte makes "{int(step.value)}" of an unquoted {said}'
                yield Hit(step.path, message, f'write "{said}"', piece.locate(step.path))


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _texts(member, (*path, str(key)))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _texts(element, (*path, index))
    elif isinstance(value, str):
        yield path, value
