"""What can go wrong around the local control plane. Every message names the mend; nothing here needs a traceback."""

from __future__ import annotations

from collections.abc import Sequence


class ControlPlaneError(Exception):
    """Root of everything the local control plane raises on purpose."""


class BinaryMissing(ControlPlaneError):
    """A binary is neither cached, nor in KUBEBUILDER_ASSETS, nor on PATH in a version that serves."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"not built yet: {', '.join(names)}; run `make binaries` (minutes the first time, cached then)"
        )
        self.names = tuple(names)


class BuildFailed(ControlPlaneError):
    """A binary could not be built, or no Go toolchain could be had to build it with."""


class StartFailed(ControlPlaneError):
    """A component ended, or did not become ready in time; the message carries the tail of its log."""


class PortTaken(StartFailed):
    """Somebody else took the port between choosing and binding it. Starting again with other ports mends it."""


class CommandFailed(ControlPlaneError):
    """kubectl, helm or kustomize ended with an error."""

    def __init__(self, command: Sequence[str], returncode: int, stdout: str, stderr: str) -> None:
        super().__init__(f"`{' '.join(command)}` exited {returncode}: {stderr.strip() or stdout.strip()}")
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


class ApiError(ControlPlaneError):
    """The API server answered with a Status that is not a success."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class ScriptError(ControlPlaneError):
    """A pod's simulation annotations cannot be understood, or ask for what the simulation refuses."""
