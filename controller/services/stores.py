"""Object stores: from a path in a task to the store that has it and the key within.

Known are ``s3://bucket/key``, ``gs://bucket/key``, ``abfs://container/key`` and local folders. How to reach a store
stands in Flyte's own section ``storage``. A task names its paths itself, so the controller's credentials are confined:
where ``container`` is configured and ``enable-multicontainer`` is not, no other bucket is touched, and local files are
read and written beneath the data root only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

UNSUPPORTED_LOCATION = "UnsupportedLocation"
LOCATION_NOT_ALLOWED = "LocationNotAllowed"

_CLIENT: ClientConfig = {"timeout": timedelta(seconds=15), "connect_timeout": timedelta(seconds=5)}
_RETRY: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


class StoreError(Exception):
    """A store can not be used; ``reason`` is stable."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Stores:
    """The stores of one configuration; each is opened once, when it is first needed.

    ``storage`` is Flyte's section with its defaults filled in. ``data_root`` is the folder beneath which local paths
    may lie; where it is empty or a URL there are none.
    """

    def __init__(self, storage: Mapping[str, Any], data_root: str = "") -> None:
        self._storage = storage
        self._root = _local_root(storage, data_root)
        self._open: dict[tuple[str, str], ObjectStore] = {}

    def locate(self, location: str) -> tuple[ObjectStore, str]:
        """The store of this path, and the key within it. Raises StoreError; nothing is asked of the store yet."""
        url = urlsplit(location)
        if url.scheme in ("", "file"):
            return self._local(unquote(url.path) if url.scheme else location)
        opener = _OPENERS.get(url.scheme)
        if opener is None:
            known = "s3://, gs://, abfs://, or a folder beneath the data root"
            raise StoreError(UNSUPPORTED_LOCATION, f"{location} is no path that can be used: give {known}")
        bucket, key = url.netloc, url.path.lstrip("/")
        if not bucket or not key:
            raise StoreError(UNSUPPORTED_LOCATION, f"{location} names no bucket or no key")
        self._check_container(bucket, location)
        store = self._open.get((url.scheme, bucket))
        if store is None:
            store = self._open[url.scheme, bucket] = opener(bucket, self._storage)
        return store, key

    def _check_container(self, bucket: str, location: str) -> None:
        only = self._storage.get("container")
        if only and not self._storage.get("enable-multicontainer") and bucket.partition("@")[0] != only:
            message = f"{location} is not in {only}, the only bucket allowed (storage.enable-multicontainer)"
            raise StoreError(LOCATION_NOT_ALLOWED, message)

    def _local(self, path: str) -> tuple[ObjectStore, str]:
        if self._root is None:
            raise StoreError(LOCATION_NOT_ALLOWED, f"{path} is a local path: the controller has no --data-root")
        resolved = Path(path).resolve()
        if not resolved.is_relative_to(self._root) or resolved == self._root:
            raise StoreError(LOCATION_NOT_ALLOWED, f"{path} does not lie beneath the data root {self._root}")
        store = self._open.get(("file", ""))
        if store is None:
            from obstore.store import LocalStore

            store = self._open["file", ""] = LocalStore(self._root, mkdir=True)
        return store, resolved.relative_to(self._root).as_posix()


def _local_root(storage: Mapping[str, Any], data_root: str) -> Path | None:
    if data_root and "://" not in data_root.removeprefix("file://"):
        return Path(data_root.removeprefix("file://")).resolve()
    stow = storage.get("stow") or {}
    if stow.get("kind") == "local" and (path := (stow.get("config") or {}).get("path")):
        return Path(path).resolve()
    return None


def _s3(bucket: str, storage: Mapping[str, Any]) -> ObjectStore:
    from obstore.store import S3Store

    settings = s3_settings(storage)
    plain = settings.get("endpoint", "").startswith("http://")
    return S3Store(
        bucket,
        config=settings,  # type: ignore[arg-type]  # the keys are those of S3Config
        client_options={**_CLIENT, "allow_http": plain},
        retry_config=_RETRY,
    )


def s3_settings(storage: Mapping[str, Any]) -> dict[str, str]:
    """What the S3 client is told, from ``connection`` or from ``stow`` with kind ``s3``.

    Without an access key the client finds credentials itself: environment, web identity, instance metadata.
    """
    stow = storage.get("stow") or {}
    if stow.get("kind") == "s3":
        given = {name.replace("_", "-"): value for name, value in (stow.get("config") or {}).items()}
        given.setdefault("access-key", given.get("access-key-id", ""))
    else:
        given = dict(storage.get("connection") or {})
    settings = {"region": str(given.get("region") or "us-east-1")}
    if given.get("auth-type") == "accesskey":
        settings["access_key_id"] = str(given.get("access-key") or "")
        settings["secret_access_key"] = str(given.get("secret-key") or "")
    if endpoint := str(given.get("endpoint") or ""):
        plain = str(given.get("disable-ssl", "")).lower() in ("true", "1")
        settings["endpoint"] = endpoint if "://" in endpoint else f"{'http' if plain else 'https'}://{endpoint}"
    return settings


def _gcs(bucket: str, storage: Mapping[str, Any]) -> ObjectStore:
    from obstore.store import GCSStore

    given = _stow_config(storage, "google")
    if key := given.get("json"):
        return GCSStore(bucket, service_account_key=str(key), client_options=_CLIENT, retry_config=_RETRY)
    return GCSStore(bucket, client_options=_CLIENT, retry_config=_RETRY)


def _azure(container: str, storage: Mapping[str, Any]) -> ObjectStore:
    from obstore.store import AzureStore

    name, _, host = container.partition("@")
    given = _stow_config(storage, "azure")
    settings = {"account_name": str(given.get("account") or host.partition(".")[0])}
    if key := given.get("key"):
        settings["account_key"] = str(key)
    return AzureStore(
        name,
        config={name: value for name, value in settings.items() if value},  # type: ignore[arg-type]
        client_options=_CLIENT,
        retry_config=_RETRY,
    )


def _stow_config(storage: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    stow = storage.get("stow") or {}
    return (stow.get("config") or {}) if stow.get("kind") == kind else {}


_OPENERS: Mapping[str, Callable[[str, Mapping[str, Any]], ObjectStore]] = {
    "s3": _s3,
    "s3a": _s3,
    "gs": _gcs,
    "abfs": _azure,
    "abfss": _azure,
}
