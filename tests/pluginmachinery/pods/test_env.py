"""Environment variables and their order."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.config import Configuration
from pluginmachinery.config.propeller import LiteralOffloadingConfig, PropellerConfig
from pluginmachinery.pods.env import platform_env
from tests.pluginmachinery.pods.pod_tasks import EXECUTION_ID, execution, pod_task

LINKED = {"config": {"link_type": "vscode"}}


def names(**settings: Any) -> list[str]:
    return [name for name, _ in platform_env(pod_task(**settings)).variables]


def value(name: str, **settings: Any) -> str | None:
    return dict(platform_env(pod_task(**settings)).variables).get(name)


def test_variables_come_in_a_fixed_order() -> None:
    settings: dict[str, Any] = {
        "template": LINKED,
        "id": EXECUTION_ID,
        "workflowId": "wf",
        "consoleUrl": "https://console",
        "environmentVariables": {"OWN_B": "1", "OWN_A": "1"},
        "k8s": {
            "default_env_vars": {"DEFAULT_B": "1", "DEFAULT_A": "1"},
            "default_env_vars_from_env": {"COPIED_B": "HOME", "COPIED_A": "HOME"},
        },
    }
    assert names(**settings) == [
        "FLYTE_INTERNAL_EXECUTION_WORKFLOW",
        "FLYTE_INTERNAL_EXECUTION_ID",
        "FLYTE_INTERNAL_EXECUTION_PROJECT",
        "FLYTE_INTERNAL_EXECUTION_DOMAIN",
        "FLYTE_ATTEMPT_NUMBER",
        "FLYTE_EXECUTION_URL",
        "FLYTE_INTERNAL_TASK_PROJECT",
        "FLYTE_INTERNAL_TASK_DOMAIN",
        "FLYTE_INTERNAL_TASK_NAME",
        "FLYTE_INTERNAL_TASK_VERSION",
        "OWN_A",
        "OWN_B",
        "DEFAULT_A",
        "DEFAULT_B",
        "COPIED_A",
        "COPIED_B",
    ]


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        pytest.param(None, [], id="no identifier"),
        pytest.param({"taskId": EXECUTION_ID["taskId"]}, [], id="no execution: nothing of the task either"),
        pytest.param({"nodeExecutionId": {"nodeId": "n"}}, [], id="a node without an execution"),
        pytest.param(
            {"nodeExecutionId": EXECUTION_ID["nodeExecutionId"]},
            [
                "FLYTE_INTERNAL_EXECUTION_ID",
                "FLYTE_INTERNAL_EXECUTION_PROJECT",
                "FLYTE_INTERNAL_EXECUTION_DOMAIN",
                "FLYTE_ATTEMPT_NUMBER",
            ],
            id="an execution without a task",
        ),
    ],
)
def test_what_is_not_known_is_not_told(identifier: Any, expected: list[str]) -> None:
    assert names(id=identifier) == expected


@pytest.mark.parametrize(
    ("console", "template", "expected"),
    [
        pytest.param("https://c//", LINKED, "https://c/projects/p/domains/d/executions/e/nodeId/u0/nodes", id="told"),
        pytest.param("", LINKED, None, id="no console"),
        pytest.param("https://c", {}, None, id="no link of the task's own"),
    ],
)
def test_address_of_the_execution(console: str, template: Any, expected: str | None) -> None:
    settings: dict[str, Any] = {"template": template, "consoleUrl": console, "id": EXECUTION_ID, "uniqueNodeId": "u0"}
    assert value("FLYTE_EXECUTION_URL", **settings) == expected


def test_attempt_is_counted() -> None:
    assert value("FLYTE_ATTEMPT_NUMBER", id=EXECUTION_ID) == "2"


@pytest.mark.parametrize(("environment", "expected"), [({"HOME": "/h"}, "/h"), ({}, "")], ids=["set", "not set"])
def test_variables_of_the_process(environment: dict[str, str], expected: str) -> None:
    assert value("H", environment=environment, k8s={"default_env_vars_from_env": {"H": "HOME"}}) == expected


@pytest.mark.parametrize(
    ("offloading", "expected"),
    [
        ({"enabled": False}, []),
        ({"enabled": True}, [("_F_L_MIN_SIZE_MB", "10"), ("_F_L_MAX_SIZE_MB", "1000")]),
        ({"enabled": True, "min_size_in_mb_for_offloading": 0}, [("_F_L_MAX_SIZE_MB", "1000")]),
    ],
    ids=["off", "on", "without a lower limit"],
)
def test_sizes_for_offloading(offloading: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    from pluginmachinery.api.contexts import task_context

    propeller = PropellerConfig(literal_offloading_config=LiteralOffloadingConfig(**offloading))
    task = task_context({"type": "x"}, execution(), config=Configuration(propeller=propeller))
    assert list(platform_env(task).variables) == expected


def test_a_container_keeps_its_own_entries_in_front() -> None:
    task = pod_task(
        environmentVariables={"B": "", "C": "c"},
        k8s={"default_env_from_secrets": ["s"], "default_env_from_configmaps": ["m"]},
    )
    own = {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    container = {"env": [own], "envFrom": [{"configMapRef": {"name": "own"}}]}
    assert platform_env(task).added_to(container) == {
        "env": [own, {"name": "B"}, {"name": "C", "value": "c"}],
        "envFrom": [
            {"configMapRef": {"name": "own"}},
            {"secretRef": {"name": "s", "optional": True}},
            {"configMapRef": {"name": "m", "optional": True}},
        ],
    }


def test_no_variables_at_all() -> None:
    assert platform_env(pod_task()).added_to({}) == {}
