"""The registry: every plugin there is, and which of them this installation runs.

:data:`BUILTIN` is the support matrix, one row a plugin, in the order in which the reference registers them. Plugins of
other distributions are found by the entry-point group :data:`ENTRY_POINT_GROUP`; nothing registers by being imported,
and a plugin's module is imported when it is first needed.
"""

from __future__ import annotations

import difflib
import functools
import importlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel

from pluginmachinery.config import Configuration
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.plugins import API_VERSION, CorePlugin, KubernetesPlugin
from pluginmachinery.plugins import enabling
from pluginmachinery.plugins.enabling import EnablingError, cleaned

ENTRY_POINT_GROUP = "flyte_plugin_manager.plugins"

PLUGIN_NOT_IMPLEMENTED = "PluginNotImplemented"
PLUGIN_NOT_LOADED = "PluginNotLoaded"
PLUGIN_API_VERSION = "PluginApiVersion"
PLUGIN_CLASH = "PluginClash"
UNKNOWN_PLUGIN = "UnknownPlugin"

Plugin = KubernetesPlugin | CorePlugin


@dataclass(frozen=True, slots=True)
class PluginDeclaration:
    """What is known of a plugin before its code is imported.

    ``implementation`` is ``module:attribute``: a class or function that gives the plugin; None for one that is known
    but not implemented here. With ``takes_id`` it is called with the ID, because it serves several. ``resources`` are
    the kinds of objects that it creates and watches, which is what the controller's permissions are made of.
    """

    id: str
    task_types: tuple[str, ...]
    implementation: str | None = None
    is_default: bool = False
    """Runs task types that no plugin knows."""
    takes_id: bool = False
    resources: tuple[ResourceKind, ...] = ()
    config_section: str | None = None
    """Its section under ``plugins``; None: none of its own."""
    config_model: type[BaseModel] | None = None
    """Model of the section, for plugins of other distributions."""
    operator_component: str | None = None
    """The operator that must run in the cluster, by the name of its kustomize component."""
    api_version: int = API_VERSION
    distribution: str = "flyte-plugin-manager"
    """Who brings it."""


POD = ResourceKind("v1", "Pod", "pods")
SPARK_APPLICATION = ResourceKind("sparkoperator.k8s.io/v1beta2", "SparkApplication", "sparkapplications")
PYTORCH_JOB = ResourceKind("kubeflow.org/v1", "PyTorchJob", "pytorchjobs")
TENSORFLOW_JOB = ResourceKind("kubeflow.org/v1", "TFJob", "tfjobs")
MPI_JOB = ResourceKind("kubeflow.org/v1", "MPIJob", "mpijobs")
RAY_JOB = ResourceKind("ray.io/v1", "RayJob", "rayjobs")
DASK_JOB = ResourceKind("kubernetes.dask.org/v1", "DaskJob", "daskjobs")
SAGEMAKER_TRAINING_JOB = ResourceKind("sagemaker.aws.amazon.com/v1", "TrainingJob", "trainingjobs")
SAGEMAKER_TUNING_JOB = ResourceKind(
    "sagemaker.aws.amazon.com/v1", "HyperparameterTuningJob", "hyperparametertuningjobs"
)

_CONTAINER_TYPES = ("container", "python-task", "raw-container")
_POD_PLUGIN = "pluginmachinery.plugins.container:PodPlugin"

BUILTIN: tuple[PluginDeclaration, ...] = (
    PluginDeclaration("aws_array", ("container_array", "aws-batch"), config_section="aws"),
    PluginDeclaration(
        "k8s-array",
        ("container_array",),
        "pluginmachinery.plugins.array:ArrayPlugin",
        resources=(POD,),
        config_section="k8s-array",
    ),
    PluginDeclaration("presto", ("presto",), config_section="presto"),
    PluginDeclaration("qubole-hive-executor", ("hive",), config_section="qubole"),
    PluginDeclaration("echo", ("echo",), "pluginmachinery.plugins.echo:EchoPlugin", config_section="echo"),
    PluginDeclaration("athena", ("hive", "presto"), config_section="athena"),
    PluginDeclaration("bigquery", ("bigquery_query_job_task",), config_section="bigquery"),
    PluginDeclaration("databricks", ("spark",), config_section="databricks"),
    PluginDeclaration("snowflake", ("snowflake",), config_section="snowflake"),
    PluginDeclaration("connector-service", (), config_section="connector-service"),
    PluginDeclaration("agent-service", (), config_section="agent-service"),
    PluginDeclaration(
        "dask",
        ("dask",),
        "pluginmachinery.plugins.dask:DaskPlugin",
        resources=(DASK_JOB,),
        config_section="dask",
        operator_component="dask-operator",
    ),
    PluginDeclaration(
        "mpi",
        ("mpi",),
        "pluginmachinery.plugins.mpi:MPIPlugin",
        resources=(MPI_JOB,),
        config_section="kf-operator",
        operator_component="training-operator",
    ),
    PluginDeclaration(
        "pytorch",
        ("pytorch",),
        "pluginmachinery.plugins.pytorch:PyTorchPlugin",
        resources=(PYTORCH_JOB,),
        config_section="kf-operator",
        operator_component="training-operator",
    ),
    PluginDeclaration(
        "tensorflow",
        ("tensorflow",),
        "pluginmachinery.plugins.tensorflow:TensorflowPlugin",
        resources=(TENSORFLOW_JOB,),
        config_section="kf-operator",
        operator_component="training-operator",
    ),
    PluginDeclaration("container", _CONTAINER_TYPES, _POD_PLUGIN, is_default=True, takes_id=True, resources=(POD,)),
    PluginDeclaration("sidecar", ("sidecar",), _POD_PLUGIN, takes_id=True, resources=(POD,)),
    PluginDeclaration(
        "pod", (*_CONTAINER_TYPES, "sidecar"), _POD_PLUGIN, is_default=True, takes_id=True, resources=(POD,)
    ),
    PluginDeclaration(
        "ray",
        ("ray",),
        "pluginmachinery.plugins.ray:RayPlugin",
        resources=(RAY_JOB,),
        config_section="ray",
        operator_component="kuberay-operator",
    ),
    PluginDeclaration(
        "spark",
        ("spark",),
        "pluginmachinery.plugins.spark:SparkPlugin",
        resources=(SPARK_APPLICATION,),
        config_section="spark",
        operator_component="spark-operator",
    ),
    PluginDeclaration(
        "sagemaker_training",
        ("sagemaker_training_job_task",),
        resources=(SAGEMAKER_TRAINING_JOB,),
        config_section="sagemaker",
        operator_component="sagemaker-operator",
    ),
    PluginDeclaration(
        "sagemaker_custom_training",
        ("sagemaker_custom_training_job_task",),
        resources=(SAGEMAKER_TRAINING_JOB,),
        config_section="sagemaker",
        operator_component="sagemaker-operator",
    ),
    PluginDeclaration(
        "sagemaker_hyperparameter_tuning",
        ("sagemaker_hyperparameter_tuning_job_task",),
        resources=(SAGEMAKER_TUNING_JOB,),
        config_section="sagemaker",
        operator_component="sagemaker-operator",
    ),
)
"""Every plugin of the reference. Rows without an implementation are known: their IDs and sections are no mistakes, but
enabling one is refused."""


def declaration_of(plugin_id: str) -> PluginDeclaration:
    """The row of :data:`BUILTIN`. Raises EnablingError ``UnknownPlugin``."""
    return _find(plugin_id, BUILTIN)


def instance(declaration: PluginDeclaration) -> Plugin:
    """Import a plugin and make it; the same declaration gives the same object.

    Raises EnablingError ``PluginNotImplemented``, ``PluginNotLoaded`` or ``PluginApiVersion``.
    """
    _check_usable(declaration)
    return _instance(declaration)


def _check_usable(declaration: PluginDeclaration) -> None:
    if declaration.implementation is None:
        raise EnablingError(
            PLUGIN_NOT_IMPLEMENTED,
            f"the plugin {declaration.id} is known, but not implemented here",
            "take it out of tasks.task-plugins.enabled-plugins, or list it in plugin-manager.optional-plugins",
        )
    if declaration.api_version != API_VERSION:
        raise EnablingError(
            PLUGIN_API_VERSION,
            f"the plugin {declaration.id} of {declaration.distribution} is made for version"
            f" {declaration.api_version} of the plugin contract, this is version {API_VERSION}",
            f"install a version of {declaration.distribution} that fits",
        )


@functools.cache
def _instance(declaration: PluginDeclaration) -> Plugin:
    module, _, attribute = cast("str", declaration.implementation).partition(":")
    try:
        factory: Any = functools.reduce(getattr, attribute.split("."), importlib.import_module(module))
        plugin: Plugin = factory(declaration.id) if declaration.takes_id else factory()
    except Exception as error:
        # Whatever an author's module raises must name the plugin and reach the operator, not end the process blindly.
        raise EnablingError(
            PLUGIN_NOT_LOADED,
            f"the plugin {declaration.id} of {declaration.distribution} can not be loaded from"
            f" {declaration.implementation}: {type(error).__name__}: {error}",
            "mend or uninstall it, or list it in plugin-manager.optional-plugins",
        ) from error
    return plugin


@dataclass(frozen=True, slots=True)
class FailedPlugin:
    """A plugin that was asked for and can not run. Optional ones are reported, others stop the start."""

    id: str
    reason: EnablingError


@dataclass(frozen=True, slots=True)
class Discovery:
    """Plugins of other distributions: those that declared themselves, and those that failed to."""

    declarations: tuple[PluginDeclaration, ...] = ()
    failures: tuple[FailedPlugin, ...] = ()

    def sections(self) -> dict[str, type[BaseModel] | None]:
        """Their sections under ``plugins``, for reading the configuration.

        Of a plugin that can not be imported nothing but its ID is known: a section of that name is kept unread.
        """
        unread: dict[str, type[BaseModel] | None] = {failure.id: None for failure in self.failures}
        return unread | {
            declaration.config_section: declaration.config_model
            for declaration in self.declarations
            if declaration.config_section is not None
        }


def known_sections(discovery: Discovery | None = None) -> dict[str, type[BaseModel] | None]:
    """All sections under ``plugins`` beyond those of the configuration's own models: of built-in plugins that are not
    implemented yet (kept unread), and of discovered ones."""
    unread: dict[str, type[BaseModel] | None] = {
        declaration.config_section: None
        for declaration in BUILTIN
        if declaration.implementation is None and declaration.config_section is not None
    }
    return unread | (discovery.sections() if discovery else {})


def discover() -> Discovery:
    """Find the plugins of other distributions. An entry point names a PluginDeclaration, or a function that gives one
    or several. One that can not be imported is a failure under its entry point's name, never an exception."""
    from importlib import metadata

    declarations: list[PluginDeclaration] = []
    failures: list[FailedPlugin] = []
    for point in sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda point: (point.name, point.value)):
        distribution = point.dist.name if point.dist else "an unnamed distribution"
        try:
            declarations += _declared(point.load(), distribution)
        except Exception as error:
            reason = EnablingError(
                PLUGIN_NOT_LOADED,
                f"the plugin {point.name} of {distribution} can not be loaded from {point.value}:"
                f" {type(error).__name__}: {error}",
                "mend or uninstall it, or list it in plugin-manager.optional-plugins",
            )
            reason.__cause__ = error
            failures.append(FailedPlugin(cleaned(point.name), reason))
    return Discovery(tuple(declarations), tuple(failures))


def _declared(found: Any, distribution: str) -> list[PluginDeclaration]:
    from dataclasses import replace

    given = found() if callable(found) else found
    several = [given] if isinstance(given, PluginDeclaration) else list(given)
    for declaration in several:
        if not isinstance(declaration, PluginDeclaration):
            raise TypeError(f"a PluginDeclaration is needed, not {type(declaration).__name__}")
    return [replace(declaration, distribution=distribution) for declaration in several]


@dataclass(frozen=True)
class PluginRegistry:
    """The plugins that run here.

    ``declarations`` are the enabled ones that can run, in the order of registration; ``handlers`` maps their task types
    to IDs; ``failed`` are optional plugins that can not run, with the reason.
    """

    declarations: tuple[PluginDeclaration, ...]
    handlers: Mapping[str, str]
    failed: tuple[FailedPlugin, ...] = ()
    _by_id: Mapping[str, PluginDeclaration] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {cleaned(one.id): one for one in self.declarations})

    @classmethod
    def from_config(
        cls, config: Configuration, third_party: Discovery | None = None, *, load: bool = True
    ) -> PluginRegistry:
        """Set up what the configuration enables, of the built-in plugins and the discovered ones.

        An empty list enables all that are implemented. Every enabled plugin is loaded now, so that a broken one shows
        at the start; with ``load=False`` nothing is imported, for tools that only look.

        Raises EnablingError: ``UnknownPlugin`` (with the nearest ID), ``PluginClash`` (naming both distributions),
        ``EnabledPluginsError``, ``AmbiguousTaskType``, and for plugins that are not optional ``PluginNotImplemented``,
        ``PluginNotLoaded``, ``PluginApiVersion``.
        """
        discovery = third_party or Discovery()
        optional = frozenset(cleaned(name) for name in config.plugin_manager.optional_plugins)
        everything, failed = _without_clashes((*BUILTIN, *discovery.declarations), optional)
        _check_known(config, everything, discovery)
        enabled = enabling.enabled_plugins(config.tasks.task_plugins)
        running = []
        for declaration in everything:
            if not enabled.includes(declaration.id) or (enabled.ids is None and declaration.implementation is None):
                continue
            try:
                _check_usable(declaration)
                if load:
                    _instance(declaration)
                running.append(declaration)
            except EnablingError as error:
                if cleaned(declaration.id) not in optional:
                    raise
                failed.append(FailedPlugin(declaration.id, error))
        for failure in discovery.failures:
            if enabled.includes(failure.id):
                if failure.id not in optional:
                    raise failure.reason
                failed.append(failure)
        return cls(tuple(running), enabling.handlers(running, enabled.defaults), tuple(failed))

    def resolve(self, task_type: str, override: str | Sequence[str] | None = None) -> PluginDeclaration:
        """The plugin that runs tasks of this type; ``override`` are IDs that the execution prefers, first ones first.

        Raises EnablingError ``NoPluginForTaskType``.
        """
        wanted = (override,) if isinstance(override, str) else tuple(override or ())
        found = enabling.resolve(task_type, self.declarations, self.handlers, wanted)
        return self._by_id[cleaned(found)]

    def load(self, plugin_id: str) -> Plugin:
        """The plugin itself. Raises EnablingError ``UnknownPlugin`` for one that does not run here."""
        return instance(_find(plugin_id, self.declarations))


def _without_clashes(
    declarations: Iterable[PluginDeclaration], optional: Collection[str]
) -> tuple[tuple[PluginDeclaration, ...], list[FailedPlugin]]:
    """One plugin for each ID. Of two with an optional ID the first stays, and a built-in one comes first."""
    known: dict[str, PluginDeclaration] = {}
    failed: list[FailedPlugin] = []
    for declaration in declarations:
        other = known.setdefault(cleaned(declaration.id), declaration)
        if other is declaration:
            continue
        clash = EnablingError(
            PLUGIN_CLASH,
            f"two plugins have the ID {declaration.id}: one of {other.distribution}, one of {declaration.distribution}",
            f"uninstall one of the two, or have the authors of {declaration.distribution} rename theirs",
        )
        if cleaned(declaration.id) not in optional:
            raise clash
        failed.append(FailedPlugin(declaration.id, clash))
    return tuple(known.values()), failed


def _check_known(config: Configuration, everything: Sequence[PluginDeclaration], discovery: Discovery) -> None:
    failed = {failure.id for failure in discovery.failures}
    named = [*config.tasks.task_plugins.enabled_plugins, *config.tasks.task_plugins.default_for_task_types.values()]
    for name in (*named, *config.plugin_manager.optional_plugins):
        if cleaned(name) not in failed:
            _find(name, everything)


def _find(plugin_id: str, declarations: Sequence[PluginDeclaration]) -> PluginDeclaration:
    by_id = {cleaned(declaration.id): declaration for declaration in declarations}
    found = by_id.get(cleaned(plugin_id))
    if found is None:
        raise EnablingError(UNKNOWN_PLUGIN, f"there is no plugin {plugin_id!r}", suggestion(plugin_id, tuple(by_id)))
    return found


def suggestion(plugin_id: str, known: Sequence[str]) -> str:
    """The mend for an unknown ID."""
    near = difflib.get_close_matches(cleaned(plugin_id), known, n=1)
    return f"did you mean {near[0]}?" if near else f"plugins are {', '.join(sorted(known))}"
