"""Pod security: do namespaces admit the pods that the configuration makes?

The level is the namespace's label (``pod-security.kubernetes.io/enforce``); what a level forbids is known to the policy
that the controller itself holds built objects against. Of every built-in task that an enabled plugin runs, the object
that the controller would create is looked through. What an operator changes afterwards is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast, get_args

from configgen.checks.inspection import Inspection, Sample
from configgen.checks.results import Result, error, listing, not_checked, ok, warning
from configgen.cluster.connection import Unread, all_at_once, labels_of
from configgen.release.manifests import objects
from configgen.render.release import product_version
from pluginmachinery.config.plugin_manager import PolicyLevel
from pluginmachinery.policy.check import findings
from pluginmachinery.policy.findings import Allowed

_LABEL: Final = "pod-security.kubernetes.io/enforce"
_TASKS: Final = "pods of tasks"
_OURS: Final = ("service-accounts", "node-names", "foreign-namespaces")
"""Checks of our policy that are none of the Pod Security Standards."""
_KEYS: Final = {
    "host-namespaces": "enable-host-networking-pod",
    "privilege-escalation": "default-security-context",
    "dropped-capabilities": "default-security-context",
    "capabilities": "default-security-context",
    "privileged": "default-security-context",
    "run-as-non-root": "default-pod-security-context",
    "run-as-user": "default-pod-security-context",
    "seccomp-profile": "default-pod-security-context",
    "seccomp": "default-pod-security-context",
    "sysctls": "default-pod-security-context",
}
"""Check → the key of plugins.k8s that decides it for pods that say nothing themselves."""


def check(inspection: Inspection) -> Iterator[Result]:
    if inspection.installs:
        manifests = objects(inspection.values, product_version())
        own = next(one for one in manifests if one["kind"] == "Deployment")
        sample = Sample("the controller", "", own)
        yield from _in_namespaces(inspection, [inspection.home], "the controller's pod", [sample])
    spaces = inspection.task_namespaces
    if isinstance(spaces, Unread):
        yield not_checked("pods of tasks in their namespaces", spaces.reason, mend="give --namespace")
    else:
        yield from _in_namespaces(inspection, spaces, _TASKS, inspection.samples)


def _in_namespaces(
    inspection: Inspection, spaces: Iterable[str], who: str, samples: Sequence[Sample]
) -> Iterator[Result]:
    """Namespaces of one level are judged together."""
    levels: dict[str, list[str]] = {}
    found = all_at_once(lambda space: inspection.cluster.get(f"/api/v1/namespaces/{space}"), spaces)
    for space, namespace in found.items():
        if isinstance(namespace, dict):
            levels.setdefault(labels_of(namespace).get(_LABEL) or "privileged", []).append(space)
        else:
            why = namespace.reason if isinstance(namespace, Unread) else "the namespace does not exist"
            yield not_checked(f"{who} in {space}", why)
    for level, alike in levels.items():
        verb = "enforces" if len(alike) == 1 else "enforce"
        yield from _judged(inspection, f"{who} in {listing(alike)}, which {verb} {level}", level, who, samples)


def _judged(inspection: Inspection, wanted: str, level: str, who: str, samples: Sequence[Sample]) -> Iterator[Result]:
    if level not in get_args(PolicyLevel):
        yield not_checked(wanted, "this level is not known")
        return
    forbidden = _forbidden(samples, cast("PolicyLevel", level))
    for (name, message), subjects in forbidden.items():
        found = f"refused: {message} ({listing([one.name for one in subjects], 3)})"
        key = _KEYS.get(name)
        if not _are_all_of_a_plugin(subjects, samples):
            yield warning(wanted, found, "such tasks do not run there; relax the label if they are to")
        elif key and who == _TASKS:
            mend = f"set it in plugins.k8s.{key}, or relax the label"
            yield error(wanted, found, mend, inspection.asked("plugins", "k8s", key))
        else:
            yield error(wanted, found, "change the pods, or relax the label")
    if not forbidden:
        yield ok(wanted, "admitted")


def _forbidden(samples: Sequence[Sample], level: PolicyLevel) -> dict[tuple[str, str], list[Sample]]:
    """What the level forbids, as (check, message), and in which samples."""
    forbidden: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        for one in findings(sample.manifest, level, Allowed()):
            if one.check not in _OURS:
                message = f"{one.path.rpartition('.')[2]} {one.message}"
                subjects = forbidden.setdefault((one.check, message), [])
                if sample not in subjects:
                    subjects.append(sample)
    return forbidden


def _are_all_of_a_plugin(subjects: Sequence[Sample], samples: Sequence[Sample]) -> bool:
    """Is there a plugin none of whose tasks is admitted? If not, it is about what single tasks ask for: co-pilot's
    containers, for example, get no security context from the configuration."""
    return bool({one.plugin for one in subjects} - {one.plugin for one in samples if one not in subjects})
