"""Security: contexts weaker than the restricted profile, images that change under you, secrets in the open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from configgen.importers.texts import is_template
from configgen.lint.subjects import Hit, Subject
from configgen.lint.walking import steps, type_name
from configgen.trees import mapping
from pluginmachinery.config.problems import Path, dotted

_K8S: Final[Path] = ("plugins", "k8s")
_SECRET_NAME: Final = re.compile(
    r"(?i)(password|passwd|secret|token|credential|api[-_]?key|private[-_]?key|access[-_.]?key|host[-_]?key)"
)
_HARMLESS_NAME: Final = re.compile(
    r"(?i)(secret[-_]?name|secretref|[-_]file$|path$|token[-_]?path|location$|max[-_]?tokens|secrets$|[._-]provider$)"
)
_MEND: Final = "put it into a Secret, and name that in default-env-from-secrets or in the task"
_MENDS: Final = {"hostKey": "mount a Secret, and name its file in plugin-manager.token-store.host-key-file"}
_SECRET_VALUE_OF_CHART: Final = re.compile(
    r"(?i)(password|passwd|client[-_]?secret|secret[-_]?(access[-_]?)?key|access[-_]?key(id)?|api[-_]?key|private[-_]?key)$"
)
"""Values of charts have many names with *secret* and *token* in them that are none: these are."""
_SECRET_VALUE: Final = re.compile(
    r"^AKIA[0-9A-Z]{16}$|^ASIA[0-9A-Z]{16}$|^gh[pousr]_\w{30,}$|^xox[abp]-|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@{$<]+@"
)


def weak_context(subject: Subject) -> Iterator[Hit]:
    """A security context that allows what the restricted profile forbids."""
    for step in steps(subject.tree):
        if not isinstance(step.value, Mapping):
            continue
        name = type_name(step.kind)
        if name in ("SecurityContext", "PodSecurityContext"):
            for key, message, mend in _weaknesses(step.value, container=name == "SecurityContext"):
                yield Hit((*step.path, *key), message, mend)


def _weaknesses(context: Mapping[str, Any], *, container: bool) -> Iterator[tuple[Path, str, str]]:
    if context.get("privileged") is True:
        yield ("privileged",), "every task runs privileged", "remove it; give it to single tasks only"
    if context.get("allowPrivilegeEscalation") is True:
        yield ("allowPrivilegeEscalation",), "tasks may gain privileges", "set it to false"
    if context.get("runAsNonRoot") is False:
        yield ("runAsNonRoot",), "tasks may run as root", "set it to true"
    if context.get("runAsUser") == 0:
        yield ("runAsUser",), "tasks run as root", "name another user"
    if mapping(context.get("seccompProfile")).get("type") == "Unconfined":
        yield ("seccompProfile",), "no system call is filtered", "use RuntimeDefault"
    added = mapping(context.get("capabilities")).get("add") if container else None
    extra = [name for name in added if name != "NET_BIND_SERVICE"] if isinstance(added, list) else []
    if extra:
        yield ("capabilities", "add"), f"tasks get the capabilities {', '.join(map(str, extra))}", "drop them"


def lacking_context(subject: Subject) -> Iterator[Hit]:
    """Security contexts that do not come up to the restricted profile."""
    pod, container = (subject.mapping(*_K8S, f"default-{part}security-context") for part in ("pod-", ""))
    if subject.is_values and not pod and not container:
        return
    lacking = []
    if True not in (pod.get("runAsNonRoot"), container.get("runAsNonRoot")):
        lacking.append("runAsNonRoot: true")
    if not (pod.get("seccompProfile") or container.get("seccompProfile")):
        lacking.append("seccompProfile: {type: RuntimeDefault}")
    if container.get("allowPrivilegeEscalation") is None:
        lacking.append("allowPrivilegeEscalation: false")
    dropped = mapping(container.get("capabilities")).get("drop")
    if not isinstance(dropped, list) or "ALL" not in dropped:
        lacking.append("capabilities: {drop: [ALL]}")
    if lacking and (subject.is_source or pod or container):
        message = f"weaker than the restricted profile: no {', no '.join(lacking)}"
        mend = "add them to default-security-context if your tasks can do without"
        yield Hit((*_K8S, "default-security-context"), message, mend)


def host_network(subject: Subject) -> Iterator[Hit]:
    """Pods in the host's network."""
    if subject.at(*_K8S, "enable-host-networking-pod") is True:
        message = "every task sees the network of its node"
        yield Hit((*_K8S, "enable-host-networking-pod"), message, "leave it to the pod templates of tasks that need it")


def floating_image(subject: Subject) -> Iterator[Hit]:
    """A default image by the tag latest, or by none: what runs changes without a change here."""
    for step in steps(subject.tree):
        image = step.member and step.member.key == "image"
        if image and isinstance(step.value, str) and not is_template(step.value) and _floats(step.value):
            yield Hit(step.path, f"{step.value} changes under you", "name a version, or better a digest")
    tag = subject.value("image", "tag") if subject.is_source else None
    if tag == "latest":
        path = ("image", "tag")
        yield Hit(path, "the controller's image changes under you", "name a version", subject.locate_value(path))


def _floats(image: str) -> bool:
    if not image or "@" in image:
        return False
    name = image.rpartition("/")[2]
    return ":" not in name or name.endswith(":latest")


def secrets(subject: Subject) -> Iterator[Hit]:
    """Secrets in plain text, where everybody who reads the repository or the pod sees them."""
    for path, name, value in _named_texts(subject.tree, ()):
        suspicious = _SECRET_NAME.search(name) and not _HARMLESS_NAME.search(name)
        if value and not is_template(value) and (suspicious or _SECRET_VALUE.search(value)):
            yield Hit(path, f"{name} looks like a secret in plain text", _MENDS.get(name, _MEND))
    yield from _secrets_beside(subject)


def _secrets_beside(subject: Subject) -> Iterator[Hit]:
    """The same in values of a chart that are not about plugins: databases, object stores, single sign-on."""
    told = [piece.prefix[len(subject.values_prefix) :] for piece in subject.pieces if piece.gate is None]
    mend = "put it into a Secret, and have the chart take it from there"
    for path, name, value in _named_texts(subject.values, ()):
        ours = any(path[: len(prefix)] == prefix for prefix in told)
        suspicious = _SECRET_VALUE_OF_CHART.search(name) or _SECRET_VALUE.search(value)
        if value and suspicious and not ours and not is_template(value):
            yield Hit(dotted(path), f"{name} looks like a secret in plain text", mend, subject.locate_value(path))


def _named_texts(value: Any, path: Path) -> Iterator[tuple[Path, str, str]]:
    """Single values with the name they stand under."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            here = (*path, str(key))
            if isinstance(member, str):
                yield here, str(key), member
            elif path[-1:] != ("default-env-vars-from-env",) and key != "default-env-vars-from-env":
                yield from _named_texts(member, here)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _named_texts(element, (*path, index))
