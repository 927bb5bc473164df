"""From a source to the files of all targets: the pipeline behind ``configgen render``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from configgen.flyte_charts.unexpressed import unexpressed
from configgen.layers.environments import Environment, Source
from configgen.layers.nodes import dotted, nearest, place_of, plain
from configgen.problems import Problem
from configgen.render import configmap, flyte_charts, helm, kustomize
from configgen.render.output import Rendered
from configgen.render.release import Release
from configgen.render.releases import release_of, shipped_release
from configgen.targets import FLYTE_TARGETS, TARGETS


def rendering(folder: Path, names: Sequence[str] = (), targets: Sequence[str] = ()) -> Rendered:
    """Everything that is to be written for the environments ``names``; none: for all of them, and what belongs to
    others is stale. ``targets`` overrides what the environments say. Raises SourceError."""
    source = Source(folder)
    every = not names
    environments = source.environments(names or source.definition.environments)
    wanted = {name: targets or source.definition.environments[name].targets for name in (e.name for e in environments)}
    releases = [release_of(environment) for environment in environments]

    def asking_for(target: str) -> list[Release]:
        return [release for release in releases if target in wanted[release.name]]

    selected = [target for target in TARGETS if not targets or target in targets]
    rendered = [_render(target, asking_for(target), every=every) for target in selected if asking_for(target) or every]
    files = {name: text for part in rendered for name, text in part.files.items()}
    losses = {loss for environment in environments for loss in _losses(environment, tuple(wanted[environment.name]))}
    return Rendered(files, tuple(folder for part in rendered for folder in part.folders), tuple(sorted(losses)))


def _losses(environment: Environment, targets: tuple[str, ...]) -> Iterator[Problem]:
    """What an environment says and its targets leave out, with its place."""
    tree = environment.config
    for found in unexpressed(plain(tree), targets):
        place = place_of(nearest(tree, found.path))
        message = f"the target {' and '.join(found.targets)} {found.message}"
        yield Problem(place.file, place.line, place.column, dotted(found.path), message, found.mend)


def _render(target: str, releases: Sequence[Release], *, every: bool) -> Rendered:
    match target:
        case "helm":
            return helm.render(releases, every=every)
        case "configmap":
            return configmap.render(releases, every=every)
        case _ if target in FLYTE_TARGETS:
            return flyte_charts.render(target, releases, every=every)
        case _ if not releases:
            return Rendered({}, (kustomize.FOLDER,))
        case _:
            return _kustomization(releases, shipped_release(), every=every)


def _kustomization(releases: Sequence[Release], base: Release, *, every: bool) -> Rendered:
    from pluginmachinery.api.crd import custom_resource_definition

    return kustomize.render(base, releases, custom_resource_definition(), every=every)


def kustomization(folder: Path, shipped: dict[str, str]) -> Rendered:
    """The target kustomize for all environments of a source, with these documents in its base."""
    source = Source(folder)
    releases = [release_of(environment) for environment in source.environments(source.definition.environments)]
    return _kustomization(releases, shipped_release(shipped), every=True)
