"""``storage``: the object store that holds inputs and outputs.

It is Flyte's section. The controller opens the store with it, and co-pilot gets it on its command line. Beyond this
package it travels as a plain mapping with Flyte's own keys and all defaults filled in: ``config.storage["type"]``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.sections import CamelSection, Section, Span, Unlisted, UrlString


class OpenSection(Section):
    """A part of Flyte's own section, of which we need not know every key."""

    passes_over_unknown: ClassVar[bool] = True


class StorageConnection(OpenSection):
    """How to reach an S3-like store."""

    endpoint: UrlString = ""
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


class StowConfig(OpenSection):
    """The store by way of the library stow, which knows more than S3."""

    kind: str = ""
    """The kind of store: ``s3``, ``google``, ``azure``, ``local`` and others."""
    config: dict[str, str] = {}
    """Settings of that kind."""


class StorageCache(OpenSection):
    """In-memory cache of metadata."""

    max_size_mbs: int = Field(0, alias="max_size_mbs")
    """Size in megabytes; 0: no cache."""
    target_gc_percent: int = Field(0, alias="target_gc_percent")
    """Garbage collection target of the Go process."""


class StorageLimits(OpenSection):
    """Limits of single reads."""

    max_download_mbs: int = Field(2, alias="maxDownloadMBs")
    """Largest object that is read, in megabytes."""


class StorageHttpClient(CamelSection):
    """How to speak HTTP to the store."""

    passes_over_unknown: ClassVar[bool] = True

    headers: dict[str, tuple[str, ...]] = {}
    """Headers of every request."""
    timeout: Span = Duration()
    """Longest time of a request; 0s: no limit."""


class SignedUrls(CamelSection):
    """How URLs for clients are signed."""

    passes_over_unknown: ClassVar[bool] = True

    stow_config_override: Annotated[dict[str, str], Unlisted()] = {}
    """Settings of stow for this alone."""


class StorageConfig(OpenSection):
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
    default_http_client: StorageHttpClient = Field(StorageHttpClient(), alias="defaultHttpClient")
    """How to speak HTTP to the store."""
    signed_url: SignedUrls = Field(SignedUrls(), alias="signedUrl")
    """How URLs for clients are signed."""

    def as_mapping(self) -> dict[str, Any]:
        """Plain JSON with Flyte's keys."""
        return self.model_dump(by_alias=True, mode="json")


def storage_defaults() -> dict[str, Any]:
    return StorageConfig().as_mapping()
