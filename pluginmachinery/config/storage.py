"""``storage``: the object store that holds inputs and outputs.

It is Flyte's section. The controller opens the store with it, and co-pilot gets it on its command line. Beyond this
package it travels as a plain mapping with Flyte's own keys and all defaults filled in: ``config.storage["type"]``.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pluginmachinery.config.sections import Section


class StorageConnection(Section):
    """How to reach an S3-like store."""

    endpoint: str = ""
    """Address; empty: AWS itself."""
    auth_type: str = "iam"
    """``iam`` or ``accesskey``."""
    access_key: str = ""
    """Access key for ``accesskey``."""
    secret_key: str = ""
    """Secret key for ``accesskey``."""
    region: str = "us-east-1"
    """Region of the bucket."""
    disable_ssl: bool = False
    """Speak plain HTTP."""


class StowConfig(Section):
    """The store by way of the library stow, which knows more than S3."""

    kind: str = ""
    """``s3``, ``google``, ``azure``, ``local``, …"""
    config: dict[str, str] = {}
    """Settings of that kind."""


class StorageCache(Section):
    """In-memory cache of metadata."""

    max_size_mbs: int = Field(0, alias="max_size_mbs")
    """Size in megabytes; 0: no cache."""
    target_gc_percent: int = Field(0, alias="target_gc_percent")
    """Garbage collection target of the Go process."""


class StorageLimits(Section):
    """Limits of single reads."""

    max_download_mbs: int = Field(2, alias="maxDownloadMBs")
    """Largest object that is read, in megabytes."""


class StorageConfig(Section):
    """The object store."""

    type: str = "s3"
    """``s3``, ``minio``, ``local``, ``mem`` or ``stow``."""
    connection: StorageConnection = StorageConnection()
    """How to reach an S3-like store."""
    stow: StowConfig = StowConfig()
    """The store by way of stow."""
    container: str = ""
    """Bucket of metadata."""
    enable_multicontainer: bool = False
    """Read and write other buckets than ``container``."""
    cache: StorageCache = StorageCache()
    """In-memory cache."""
    limits: StorageLimits = StorageLimits()
    """Limits of single reads."""

    def as_mapping(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, mode="json")


def storage_defaults() -> dict[str, Any]:
    return StorageConfig().as_mapping()
