"""The effect in `configgen diff`: what happens to pods, in every form, without secrets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.configgen.conftest import EXAMPLE, Configgen
from tests.configgen.test_cli_simulate import ALL, DENIES, EVERYTHING, TEMPLATE

FORMS = ("text", "markdown", "html", "json", "sarif")


def run(configgen: Configgen, folder: Path, before: str, after: str, form: str = "json") -> Any:
    (folder / "a.yaml").write_text(before)
    (folder / "b.yaml").write_text(after)
    result = configgen("diff", folder / "a.yaml", folder / "b.yaml", "-o", form)
    assert result.exit_code == 1, result.output
    return json.loads(result.stdout) if form in ("json", "sarif") else result.stdout


def groups(found: Any) -> dict[str, list[str]]:
    return {group["subject"]: [change["text"] for change in group["changes"]] for group in found["effect"]["groups"]}


CASES = {
    "what every pod gains": (
        "plugins: {k8s: {default-tolerations: [{key: flyte, operator: Exists}]}}",
        {"every pod": ["gains toleration flyte Exists"]},
    ),
    "what interruptible tasks gain": (
        "plugins: {k8s: {interruptible-tolerations: [{key: spot, operator: Exists}]}}",
        {
            "interruptible, spark-interruptible executor": ["gains toleration spot Exists"],
        },
    ),
    "what tasks with a GPU gain": (
        "plugins: {k8s: {resource-tolerations: [{nvidia.com/gpu: [{key: gpu, operator: Exists}]}]}}",
        {"gpu, gpu-device, pytorch-gpu": ["gains toleration gpu Exists"]},
    ),
    "what only Spark applications gain": (
        "plugins: {spark: {spark-config-default: [{spark.ui.enabled: 'true'}]}}",
        {"spark, spark-interruptible": ["gains Spark conf spark.ui.enabled = true"]},
    ),
    "what has no effect on pods": ("plugin-manager: {coalesce: 5s}", {}),
}


@pytest.mark.parametrize(("more", "expected"), CASES.values(), ids=CASES)
def test_tasks_that_change_alike_are_one_group(
    more: str, expected: dict[str, list[str]], tmp_path: Path, configgen: Configgen
) -> None:
    found = run(configgen, tmp_path, EVERYTHING, f"{EVERYTHING}{more}\n")
    assert groups(found) == expected
    assert len(found["effect"]["changed"]) + len(found["effect"]["unchanged"]) == 19


def test_tasks_that_fail_from_now_on_come_first(tmp_path: Path, configgen: Configgen) -> None:
    found = run(configgen, tmp_path, EVERYTHING, DENIES)
    assert found["effect"]["groups"][0]["breaks"]
    assert "fails: PolicyDenied" in found["effect"]["groups"][0]["changes"][0]["text"]
    sarif = run(configgen, tmp_path, EVERYTHING, DENIES, "sarif")
    assert {"tasks-fail", "configuration-differs"} <= {one["ruleId"] for one in sarif["runs"][0]["results"]}


def test_a_plugin_that_is_switched_on(tmp_path: Path, configgen: Configgen) -> None:
    found = run(configgen, tmp_path, EVERYTHING.replace(ALL, "container"), EVERYTHING.replace(ALL, "container, dask"))
    assert groups(found) == {"dask": ["Pod → DaskJob"]}


def test_ones_own_tasks_are_compared_too(make_source: Callable[..., Path], configgen: Configgen) -> None:
    layers = {
        "base": {"config/a.yaml": EVERYTHING},
        "up": {"config/b.yaml": "plugins: {k8s: {default-labels: {a: b}}}"},
    }
    source = make_source(layers, one=["base"], two=["base", "up"])
    (source / "tasks").mkdir()
    (source / "tasks/nightly.yaml").write_text(TEMPLATE)
    found = json.loads(configgen("-C", source, "diff", "one", "two", "-o", "json").stdout)
    assert "nightly" in found["effect"]["changed"]
    (source / "tasks/nightly.yaml").write_text("type: [")
    (source / "tasks/weekly.yaml").write_text("[]")
    result = configgen("-C", source, "diff", "one", "two")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "2 problems" in result.stderr


@pytest.mark.parametrize("form", FORMS)
def test_no_form_shows_a_secret(form: str, tmp_path: Path, configgen: Configgen) -> None:
    def side(secret: str) -> str:
        connection = f"auth-type: accesskey, access-key: id-{secret}, secret-key: {secret}"
        storage = f"storage: {{type: minio, connection: {{{connection}, endpoint: 'http://me:{secret}@minio'}}}}\n"
        variables = f"[{{API_TOKEN: {secret}}}, {{URL: 'http://me:u-{secret}@h'}}]"
        return EVERYTHING + storage + f"plugins: {{k8s: {{default-env-vars: {variables}}}}}\n"

    found = str(run(configgen, tmp_path, side("geheim-1"), side("geheim-2"), form))
    assert "geheim" not in found
    assert "API_TOKEN" in found or "API\\_TOKEN" in found
    assert "******" in found


@pytest.mark.parametrize("form", FORMS)
def test_the_same_input_gives_the_same_bytes(form: str, configgen: Configgen) -> None:
    first, second = (configgen("-C", EXAMPLE, "diff", "dev", "prod", "-o", form).stdout for _ in range(2))
    assert first == second


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_what_is_compared_is_no_markup(tmp_path: Path, configgen: Configgen) -> None:
    evil = EVERYTHING + "plugins: {k8s: {default-env-vars: [{E: '<script>alert(1)</script>'}]}}\n"
    text = run(configgen, tmp_path, EVERYTHING, evil, "html")
    page = Page(text)
    assert page.open == []
    assert page.links == []
    assert not page.seen & {"script", "img", "link", "iframe"}
    assert "url(" not in text


@pytest.mark.needs("chromium")
def test_the_page_in_a_browser(tmp_path: Path, configgen: Configgen) -> None:
    page = tmp_path / "page.html"
    page.write_text(configgen("-C", EXAMPLE, "diff", "dev", "prod", "-o", "html").stdout)
    chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    dumped = subprocess.run(
        [*chromium, "--dump-dom", page.as_uri()], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert "22 differences between dev and prod." in dumped
    assert "gains toleration dedicated gpu NoSchedule" in dumped


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [1200, 800, 390], ids=["a desk", "a tablet", "a telephone"])
def test_nothing_is_wider_than_the_page(width: int, tmp_path: Path, configgen: Configgen) -> None:
    """Old headless windows are never narrower than about 500 pixels: the page is put into a frame."""
    measure = "<script>document.body.dataset.over = document.documentElement.scrollWidth - innerWidth</script>"
    text = configgen("-C", EXAMPLE, "diff", "dev", "prod", "-o", "html").stdout.replace("</body>", f"{measure}</body>")
    inner = text.replace("&", "&amp;").replace('"', "&quot;")
    show = "document.title = this.contentDocument.body.dataset.over"
    page = tmp_path / "page.html"
    page.write_text(f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{inner}" onload="{show}"></iframe>')
    chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    dumped = subprocess.run(
        [*chromium, "--window-size=1600,1000", "--virtual-time-budget=2000", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    found = re.search(r"<title>(-?\d+)</title>", dumped)
    assert found, dumped[:300]
    assert int(found[1]) <= 0


def test_without_the_effect(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "diff", "dev", "prod", "--no-effect")
    assert result.exit_code == 1
    assert result.stdout.endswith("22 differences between dev and prod.\n")


def test_markdown_survives_pipes_and_backticks(tmp_path: Path, configgen: Configgen) -> None:
    odd = EVERYTHING + "plugins: {k8s: {default-env-vars: [{E: 'a|b`c'}]}}\n"
    found = run(configgen, tmp_path, EVERYTHING, odd, "markdown")
    assert "`` a\\|b`c ``" in found


@pytest.mark.parametrize("arguments", [["dev", "dev"], ["dev", "prod", "--no-effect"]], ids=" ".join)
def test_messages_are_imported_only_where_there_is_an_effect(arguments: list[str]) -> None:
    program = (
        "import sys; from configgen.cli import main\n"
        f"try: main(['-C', {str(EXAMPLE)!r}, 'diff', *{arguments!r}])\n"
        "finally: print([name for name in ('flyteidl', 'google.protobuf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_sarif_names_files_from_where_the_command_ran(configgen: Configgen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE.parents[1])
    found = json.loads(configgen("-C", "examples/configuration", "diff", "dev", "prod", "-o", "sarif").stdout)
    places = [one["locations"][0]["physicalLocation"] for one in found["runs"][0]["results"] if one.get("locations")]
    assert len(places) == 22
    assert all(Path(place["artifactLocation"]["uri"]).is_file() for place in places)
    assert {rule["id"] for rule in found["runs"][0]["tool"]["driver"]["rules"]} >= {
        one["ruleId"] for one in found["runs"][0]["results"]
    }


def test_plugins_that_only_flyte_has_do_not_keep_from_telling_of_the_others(
    tmp_path: Path, configgen: Configgen
) -> None:
    chosen = "{enabled-plugins: [container, agent-service], default-for-task-types: {x: agent-service}}"
    live = f"tasks: {{task-plugins: {chosen}}}\n"
    found = run(configgen, tmp_path, live, live + "plugins: {k8s: {default-labels: {a: b}}}\n")
    assert groups(found) == {"every pod": ["gains label a = b"]}


@pytest.mark.parametrize("form", FORMS)
def test_what_can_not_be_told_is_said(form: str, tmp_path: Path, configgen: Configgen) -> None:
    """An empty list enables all plugins, and two of them want the same task types."""
    found = str(run(configgen, tmp_path, "tasks: {}\n", "plugins: {k8s: {default-labels: {a: b}}}\n", form))
    assert "What happens to pods can not be told: " in found
    assert "default-labels.a" in found
