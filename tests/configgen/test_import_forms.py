"""What a foreign file is, where Flyte's sections hang in it, and on which lines."""

from __future__ import annotations

from textwrap import dedent

import pytest

from configgen.importers.forms import Form, Recognised, recognise

K8S = ("plugins", "k8s", "default-cpus")
PLUGIN = ("tasks", "task-plugins", "enabled-plugins")

FORMS = {
    "flyte-core": (
        """
        configmap:
          k8s:
            plugins: {k8s: {default-cpus: 1}}
        """,
        (Form.FLYTE_CORE, "k8s.yaml", "configmap.k8s", K8S, 4),
    ),
    "flyte-core under the umbrella's name": (
        """
        contour: {enabled: true}
        flyte:
          configmap:
            enabled_plugins:
              tasks: {task-plugins: {enabled-plugins: [a]}}
        """,
        (Form.FLYTE_CORE, "enabled_plugins.yaml", "flyte.configmap.enabled_plugins", PLUGIN, 6),
    ),
    "flyte-core's spark operator": (
        """
        sparkoperator:
          enabled: true
          plugin_config:
            plugins: {k8s: {default-cpus: 1}}
        """,
        (Form.FLYTE_CORE, "spark.yaml", "sparkoperator.plugin_config", K8S, 5),
    ),
    "flyte-binary's inline": (
        """
        configuration:
          database: {password: x}
          inline:
            plugins:
              k8s: {default-cpus: 1}
        """,
        (Form.FLYTE_BINARY, "100-inline-config.yaml", "configuration.inline", K8S, 6),
    ),
    "the sandbox": (
        """
        minio: {enabled: true}
        flyte-binary:
          configuration:
            inline: {plugins: {k8s: {default-cpus: 1}}}
        """,
        (Form.FLYTE_BINARY, "100-inline-config.yaml", "flyte-binary.configuration.inline", K8S, 5),
    ),
    "flyte-binary's enabled plugins": (
        "\nenabled_plugins:\n  tasks:\n    task-plugins:\n      enabled-plugins: [container]\n",
        (Form.FLYTE_BINARY, "001-plugins.yaml", "", PLUGIN, 5),
    ),
    "Flyte 2": (
        """
        flyte-core-components: {runs: {database: {}}}
        configuration: {inline: {plugins: {k8s: {default-cpus: 1}}}}
        """,
        (Form.FLYTE_2, "100-inline-config.yaml", "configuration.inline", K8S, 3),
    ),
    "a ConfigMap": (
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: flyte-propeller-config-5c9d7tkb2g}
        data:
          k8s.yaml: |
            plugins:
              k8s:
                default-cpus: 1
        """,
        (Form.CONFIG_MAP, "k8s.yaml", "data.k8s.yaml", K8S, 9),
    ),
    "a ConfigMap in a list, its text in one quoted line": (
        """
        apiVersion: v1
        kind: List
        items:
          - apiVersion: v1
            kind: ConfigMap
            data:
              k8s.yaml: "plugins:\\n  k8s:\\n    default-cpus: 1\\n"
        """,
        (Form.CONFIG_MAP, "k8s.yaml", "items.0.data.k8s.yaml", K8S, 8),
    ),
    "a patch with nothing but data": (
        "\ndata:\n  100-inline-config.yaml: |\n    plugins:\n      k8s: {default-cpus: 1}\n",
        (Form.CONFIG_MAP, "100-inline-config.yaml", "data.100-inline-config.yaml", K8S, 5),
    ),
    "a second document": (
        "kind: Namespace\napiVersion: v1\n---\nplugins:\n  k8s: {default-cpus: 1}\n",
        (Form.DOCUMENT, "file.yaml", "", K8S, 5),
    ),
    "templates around it": (
        "plugins:\n{{- if .x }}\n  k8s:\n    default-cpus: {{ .cpus }}\n{{- end }}\n",
        (Form.DOCUMENT, "file.yaml", "", K8S, 4),
    ),
    "a heredoc in a script": (
        "#!/bin/sh\nfoo() {\ncat <<EOF > values.yaml\nplugins:\n  k8s: {default-cpus: 1}\nEOF\n}\n",
        (Form.DOCUMENT, "file.yaml", "", K8S, 5),
    ),
    "a Flux release": (
        """
        apiVersion: helm.toolkit.fluxcd.io/v2
        kind: HelmRelease
        spec: {values: {configuration: {inline: {plugins: {k8s: {default-cpus: 1}}}}}}
        """,
        (Form.FLYTE_BINARY, "100-inline-config.yaml", "spec.values.configuration.inline", K8S, 4),
    ),
    "an Argo application with its values in a text": (
        """
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        spec:
          source:
            helm:
              values: |
                configmap:
                  k8s: {plugins: {k8s: {default-cpus: 1}}}
        """,
        (Form.FLYTE_CORE, "k8s.yaml", "spec.source.helm.values.configmap.k8s", K8S, 9),
    ),
    "Union": (
        "config:\n  k8s:\n    plugins: {k8s: {default-cpus: 1}}\n",
        (Form.UNION, "k8s.yaml", "config.k8s", K8S, 3),
    ),
}


def documents(text: str) -> list[Recognised]:
    return [found for found in recognise(dedent(text), "file.yaml") if found.tree]


@pytest.mark.parametrize(("text", "expected"), FORMS.values(), ids=FORMS)
def test_forms(text: str, expected: tuple[Form, str, str, tuple[str, ...], int]) -> None:
    form, name, prefix, path, line = expected
    (found,) = documents(text)
    assert not found.problems
    assert (found.form, found.name, ".".join(str(step) for step in found.prefix)) == (form, name, prefix)
    assert found.locations[path].line == line
    assert found.gate is None


def test_templates_in_quotes_stay_values_of_their_keys() -> None:
    text = """
    {{- if .x }}
    plugins:
      k8s:
        default-env-vars:
          - A: "{{ .a }}"
          - B: {{ .b }}
    {{- end }}
    """
    (found,) = documents(text)
    assert found.tree["plugins"]["k8s"]["default-env-vars"] == [{"A": "{{ .a }}"}, {"B": "{{ .b }}"}]


NOTHING = {
    "an empty file": ("", Form.NEIGHBOUR),
    "a service": ("apiVersion: v1\nkind: Service\n", Form.NEIGHBOUR),
    "values of another chart": ("postgresql: {enabled: true}\n", Form.NEIGHBOUR),
    "a pointer": ("apiVersion: a\nkind: HelmRelease\nspec: {valuesFrom: []}\n", Form.POINTER),
    "code": ("new FlyteStack(app, 'x', { cpus: 1 });\nconst a = [\n", Form.UNREADABLE),
    "prose": ("just words", Form.UNREADABLE),
}


@pytest.mark.parametrize(("text", "form"), NOTHING.values(), ids=NOTHING)
def test_nothing_to_import_is_told_and_no_failure(text: str, form: Form) -> None:
    assert [found.form for found in recognise(text, "file.yaml")] == [form]


def test_an_inner_document_that_does_not_parse_leaves_the_others() -> None:
    text = "kind: ConfigMap\napiVersion: v1\ndata:\n  a.yaml: |\n    plugins: [\n  b.yaml: |\n    plugins: {k8s: {}}\n"
    bad, good = recognise(text, "file.yaml")
    assert bad.form is Form.UNREADABLE
    assert bad.problems[0].location.line in (5, 6)
    assert (good.form, good.name) == (Form.CONFIG_MAP, "b.yaml")


def test_what_an_operator_gates_off_is_marked() -> None:
    text = "sparkoperator: {enabled: false, plugin_config: {plugins: {spark: {}}}}\n"
    assert [found.gate for found in documents(text)] == [("sparkoperator", "enabled")]


def test_values_that_the_chart_rewrites() -> None:
    text = """
    configuration:
      co-pilot: {image: {repository: a/b, tag: v1}}
      logging: {plugins: {cloudwatch: {enabled: true, templateUri: "http://x/{{ .podName }}"}}}
    """
    (found,) = documents(text)
    logs = {"cloudwatch-enabled": True, "cloudwatch-template-uri": "http://x/{{ .podName }}"}
    assert found.tree["plugins"] == {
        "k8s": {"co-pilot": {"image": "a/b:v1"}},
        "logs": logs,
        "k8s-array": {"logs": {"config": logs}},
    }
    assert found.locations["plugins", "k8s", "co-pilot", "image"].line == 3
