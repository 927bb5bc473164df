"""What an overlay has to say: the difference between the objects of two releases, in kustomize's words."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configgen.release.manifests import Manifest, key
from configgen.release.values import NAME, ImageValues
from configgen.render.json_patch import json_patch
from configgen.render.release import Release


@dataclass(frozen=True, slots=True)
class Difference:
    """What turns the objects of one release into those of another. Image and number of replicas are kept apart, because
    tools that bump images edit these lists of kustomize."""

    added: tuple[Manifest, ...]
    removed: tuple[Manifest, ...]
    patched: tuple[tuple[Manifest, list[dict[str, Any]]], ...]
    images: list[dict[str, str]]
    replicas: list[dict[str, Any]]


def difference(before: Release, after: Release) -> Difference:
    """From ``before`` to ``after``. Objects that are new name the namespace of the service account themselves."""
    old = {key(manifest): manifest for manifest in before.objects()}
    new = {key(manifest): manifest for manifest in after.objects()}
    explicit = {key(manifest): manifest for manifest in after.objects(named_home=True)}
    patched = []
    for identity, manifest in new.items():
        if identity in old:
            operations = list(json_patch(_without_image(old[identity]), _without_image(manifest)))
            if operations:
                patched.append((manifest, operations))
    return Difference(
        added=tuple(explicit[identity] for identity in new if identity not in old),
        removed=tuple(manifest for identity, manifest in old.items() if identity not in new),
        patched=tuple(patched),
        images=_images(before.values.image, after.values.image, before.version),
        replicas=_replicas(before, after),
    )


def _without_image(manifest: Manifest) -> Manifest:
    """The manifest without what ``images`` and ``replicas`` take care of."""
    if manifest["kind"] != "Deployment":
        return manifest
    manifest = copy.deepcopy(manifest)
    manifest["spec"].pop("replicas")
    for container in manifest["spec"]["template"]["spec"]["containers"]:
        container.pop("image")
    return manifest


def _images(before: ImageValues, after: ImageValues, version: str) -> list[dict[str, str]]:
    if (before.repository, before.tag, before.digest) == (after.repository, after.tag, after.digest):
        return []
    entry = {"name": before.repository}
    if after.repository != before.repository:
        entry["newName"] = after.repository
    if after.digest:
        entry["digest"] = after.digest
    elif after.tag != before.tag or before.digest:
        entry["newTag"] = after.tag or version
    return [entry]


def _replicas(before: Release, after: Release) -> list[dict[str, Any]]:
    if before.values.replicas == after.values.replicas:
        return []
    return [{"name": NAME, "count": after.values.replicas}]


def deletion(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A strategic-merge patch that takes an object out."""
    return {
        "$patch": "delete",
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {"name": manifest["metadata"]["name"]},
    }
