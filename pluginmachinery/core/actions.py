"""Actions: everything a plugin can ask the world to do, as data.

Plugins and the manager are pure: they return actions, whoever runs them (the controller's runtime, the in-memory
executor of ``conformance``) carries them out and hands the results back in the next :class:`Observation`. The union
is closed: an executor that handles each member handles every plugin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from pluginmachinery.core.values import value_class


class ResourceKind(NamedTuple):
    """A kind of Kubernetes object: API version as in manifests (``v1``, ``ray.io/v1``), kind and plural."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]


class ObjectRef(NamedTuple):
    """One Kubernetes object by its kind, namespace and name; a named tuple, because it is the key of every look-up."""

    kind: ResourceKind
    namespace: str
    name: str


@value_class
class Observe:
    """Tell me how this object stands, by a live read if it is not known."""

    ref: ObjectRef


@value_class
class Create:
    ref: ObjectRef
    object: Mapping[str, Any]


@value_class
class Patch:
    """A merge patch (RFC 7386), or an update of the whole object where ``method`` says so."""

    ref: ObjectRef
    body: Mapping[str, Any]
    method: Literal["merge", "update"] = "merge"


@value_class
class Delete:
    ref: ObjectRef


@value_class
class ReadOutputs:
    """Read ``error.pb``, then ``outputs.pb``, under this prefix; with ``deck`` also look whether there is a deck."""

    prefix: str
    deck: bool = False


@value_class
class ReadFiles:
    """Read these files (full paths), many at a time; answered by :class:`Files`.

    With ``content`` False only whether they exist is asked: what is there is answered as empty. For plugins whose data
    is not that of a single task (map tasks put the outputs of their sub-tasks together).
    """

    paths: tuple[str, ...]
    content: bool = True


@value_class
class WriteInputs:
    """Write these files (full path → bytes): inputs before the object is created, or what a plugin makes itself.

    What follows in the same transition is not carried out if the files can not be written.
    """

    files: Mapping[str, bytes]


@value_class
class AllocateToken:
    """Take one token of a named quota for this owner.

    The answer is ``Done(True)`` or ``NotGranted`` (a ``Done`` whose value is False): then the task waits and asks
    again. A quota is the plugin's own (see :class:`~.plugins.TokenQuotas`); owners are those of one attempt of one
    task. To ask twice for the same owner changes nothing. Tokens that an attempt leaves behind are given back when the
    next one asks or the task ends.
    """

    quota: str
    owner: str


@value_class
class ReleaseToken:
    quota: str
    owner: str


@value_class
class CallService:
    """Call an external service that the plugin named; the payload and the answer are JSON."""

    service: str
    method: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@value_class
class WakeAt:
    """Handle the task again at this time even if nothing happens."""

    at: datetime


Action = (
    Observe
    | Create
    | Patch
    | Delete
    | ReadOutputs
    | ReadFiles
    | WriteInputs
    | AllocateToken
    | ReleaseToken
    | CallService
    | WakeAt
)


@value_class
class Found:
    """The object as the API server has it."""

    object: Mapping[str, Any]


@value_class
class Missing:
    """The API server said that there is no such object (never: a cache does not have it)."""

    message: str = ""


@value_class
class Refused:
    """The API server, a store or a service did not do it.

    ``reason`` is Kubernetes' machine-readable reason (``Forbidden``, ``AlreadyExists``, ``Conflict``, …; for other
    services their own), ``status`` the HTTP status where there is one, ``owned`` – for AlreadyExists – whether the
    object in the way belongs to this very attempt (None: nobody looked).
    """

    reason: str
    message: str = ""
    status: int = 0
    owned: bool | None = None


@value_class
class Done:
    """It was done; ``value`` is the answer (the created object, granted yes or no, a service's JSON)."""

    value: Any = None


@value_class
class NotGranted(Done):
    """A token was not granted this time; ``reason`` says to a person why: all are taken, or nobody can tell."""

    value: Any = False
    reason: str = ""


@value_class
class OutputError:
    code: str
    message: str
    kind: str
    recoverable: bool


@value_class
class Outputs:
    """What the task left: its outputs (``flyteidl.core.LiteralMap`` in protobuf JSON; None: no file), or its error.

    ``error`` is the ``ContainerError`` of ``error.pb``: code, kind, message and whether it is recoverable. ``deck``:
    there is a ``deck.html``, the page that a task may make of its work.
    """

    outputs: Mapping[str, Any] | None = None
    error: OutputError | None = None
    deck: bool = False


@value_class
class Files:
    """Files that were found, by their path; those that do not exist are not in it."""

    contents: Mapping[str, bytes] = field(default_factory=dict)


Result = Found | Missing | Refused | Done | Outputs | Files


@runtime_checkable
class Versioned(Protocol):
    """Ability of an observation's objects: to tell an object's resource version without unpacking it, so that a plugin
    with thousands of objects need not look again at those that have not changed."""

    def version(self, ref: ObjectRef) -> int | None:
        """None: the object is unknown, or known to be missing."""


@value_class
class ObjectEvent:
    """What Kubernetes said about an object: when, and its place among all events (a resource version)."""

    at: datetime
    version: int
    note: str

    @property
    def order(self) -> str:
        """Texts that sort as the events happened."""
        return f"{self.at.isoformat(timespec='seconds')} {self.version:020}"


@value_class
class Observation:
    """What is known at one moment: the time, the objects followed, and the results of the last transition's actions.

    ``objects`` holds what the executor knows without having been asked; an object that is not in it is *unknown*, which
    never means deleted: ask with :class:`Observe`. ``results`` pairs each action of the last transition with its
    result, in the order of the actions. ``events`` are those of the objects, where they are followed
    (``plugins.k8s.send-object-events``).
    """

    now: datetime
    objects: Mapping[ObjectRef, Found | Missing] = field(default_factory=dict)
    results: tuple[tuple[Action, Result], ...] = ()
    events: Mapping[ObjectRef, Sequence[ObjectEvent]] = field(default_factory=dict)

    def result_of(self, action_type: type[Action]) -> Result | None:
        """The result of the first action of this type, None if the last transition had none."""
        for action, result in self.results:
            if isinstance(action, action_type):
                return result
        return None

    def object(self, ref: ObjectRef) -> Found | Missing | Refused | None:
        """How an object stands: by an answer to Observe if there is one, else as followed; None: unknown."""
        for action, result in self.results:
            if isinstance(action, Observe) and action.ref == ref and isinstance(result, Found | Missing | Refused):
                return result
        return self.objects.get(ref)
