"""One container's status as a kubelet writes it, around the state that a script names or the pod's phase implies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.controlplane.simulation.scripts import ContainerState

Object = Mapping[str, Any]
Status = dict[str, Any]

COMPLETED = ContainerState(exit_code=0)

IMAGE_MESSAGES = {
    "ErrImagePull": 'failed to pull and unpack image "{image}": not found',
    "ImagePullBackOff": 'Back-off pulling image "{image}"',
    "InvalidImageName": 'Failed to apply default image tag "{image}": invalid reference format',
}


@dataclass(frozen=True)
class Container:
    """A container of a pod, its status so far, and the time (RFC 3339)."""

    pod_uid: str
    spec: Object
    previous: Object | None
    now: str

    @property
    def state(self) -> Status:
        """The state so far; waiting for its turn when it has none yet."""
        return dict(self.previous["state"]) if self.previous else {"waiting": {"reason": "PodInitializing"}}

    @property
    def is_sidecar(self) -> bool:
        """An init container that is always restarted: it runs beside the main ones."""
        return bool(self.spec.get("restartPolicy") == "Always")

    def waiting(self, reason: str, message: str | None = None) -> Status:
        message = message or IMAGE_MESSAGES.get(reason, "").format(image=self.spec.get("image", ""))
        return {"waiting": {"reason": reason, **({"message": message} if message else {})}}

    def running(self) -> Status:
        return self.state if "running" in self.state else {"running": {"startedAt": self.now}}

    def terminated(self, wanted: ContainerState) -> Status:
        """Terminated as wanted, having run since it started – or not at all."""
        ended: Status = {
            "exitCode": wanted.code,
            "reason": wanted.reason or ("Completed" if wanted.code == 0 else "Error"),
            "startedAt": self.state.get("running", {}).get("startedAt", self.now),
            "finishedAt": self.now,
            "containerID": self._container_id(self.restarts(wanted)),
        }
        if wanted.signal is not None:
            ended["signal"] = wanted.signal
        if wanted.message is not None:
            ended["message"] = wanted.message
        return {"terminated": ended}

    def explicit(self, wanted: ContainerState) -> Status:
        """The state that the script names."""
        if wanted.waiting is not None:
            return self.waiting(wanted.waiting, wanted.message)
        return self.running() if wanted.running else self.terminated(wanted)

    def restarts(self, wanted: ContainerState | None) -> int:
        if wanted is not None and wanted.restarts is not None:
            return wanted.restarts
        return int(self.previous["restartCount"]) if self.previous else 0

    def status(self, state: Status, wanted: ContainerState | None, *, init: bool) -> Status:
        """The whole ContainerStatus around `state`."""
        image = str(self.spec.get("image", ""))
        started = "waiting" not in state
        return {
            "name": self.spec["name"],
            "image": image,
            "imageID": f"sha256:{_digest(image)}" if started else "",
            "containerID": self._container_id(self.restarts(wanted)) if started else "",
            "state": state,
            "lastState": self._last_state(state),
            # An init container is ready when it has done its work.
            "ready": "running" in state or (init and succeeded(state)),
            "started": "running" in state,
            "restartCount": self.restarts(wanted),
        }

    def _last_state(self, state: Status) -> Status:
        """What a restart leaves behind: the termination before it."""
        if "terminated" in self.state and "terminated" not in state:
            return self.state
        return dict(self.previous.get("lastState") or {}) if self.previous else {}

    def _container_id(self, restarts: int) -> str:
        name = self.spec["name"]
        return f"containerd://{_digest(f'{self.pod_uid}/{name}/{restarts}')}"


def succeeded(state: Object) -> bool:
    return "terminated" in state and state["terminated"]["exitCode"] == 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
