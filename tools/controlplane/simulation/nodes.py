"""The nodes that are simulated: labels, taints and capacity as the scheduler sees them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

NOT_READY_TAINT = "node.kubernetes.io/not-ready"
"""The API server puts it on every new node; in a cluster the node-lifecycle controller takes it off again."""

BIG = {"cpu": "256", "memory": "1Ti", "ephemeral-storage": "4Ti", "pods": "5000"}


class Taint(BaseModel):
    """Keeps pods away that do not tolerate it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class SimulatedNode(BaseModel):
    """One node; its capacity is also what it lets pods allocate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    labels: dict[str, str] = {}
    taints: tuple[Taint, ...] = ()
    capacity: dict[str, str] = BIG

    def manifest(self, address: str) -> dict[str, Any]:
        """The Node object as a healthy kubelet registers it."""
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            **self.labels,
        }
        healthy = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {"taints": self.taint_manifests()},
            "status": {
                "capacity": self.capacity,
                "allocatable": self.capacity,
                "addresses": [
                    {"type": "InternalIP", "address": address},
                    {"type": "Hostname", "address": self.name},
                ],
                "conditions": [
                    {"type": kind, "status": status, "reason": "Simulated"} for kind, status in healthy.items()
                ],
                "nodeInfo": {
                    "architecture": "amd64",
                    "operatingSystem": "linux",
                    "osImage": "simulated",
                    "kernelVersion": "simulated",
                    "machineID": self.name,
                    "systemUUID": self.name,
                    "bootID": self.name,
                    "containerRuntimeVersion": "simulated://1",
                    "kubeletVersion": "v1.34.4",
                    "kubeProxyVersion": "",
                },
            },
        }

    def taint_manifests(self) -> list[dict[str, str]]:
        return [taint.model_dump(exclude_defaults=False) for taint in self.taints]


def is_registered(node: dict[str, Any]) -> bool:
    """Whether pods can be bound to it: the API server's not-ready taint is off."""
    return all(taint["key"] != NOT_READY_TAINT for taint in node["spec"].get("taints", []))


DEFAULT_NODES = (
    SimulatedNode(name="plain-0"),
    SimulatedNode(
        name="gpu-0",
        labels={"k8s.amazonaws.com/accelerator": "nvidia-tesla-t4"},
        taints=(Taint(key="nvidia.com/gpu", value="present"),),
        capacity={**BIG, "nvidia.com/gpu": "64"},
    ),
    # As in Flyte's own example configuration for interruptible tasks.
    SimulatedNode(
        name="spot-0",
        labels={"x/interruptible": "true"},
        taints=(Taint(key="x/flyte", value="interruptible"),),
    ),
)
"""A plain node, one with GPUs, one that may be taken away: the two special ones need a toleration."""
