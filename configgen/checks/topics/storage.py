"""Storage: is there a bucket, does the address make sense, and where do credentials come from?

Nothing but the API server is spoken to: whether the bucket exists is not known here. An address inside the cluster is a
Service, which is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from configgen.checks.inspection import Inspection
from configgen.checks.results import Result, error, not_checked, ok, warning
from configgen.cluster.connection import Unread, metadata

_SERVICE: Final = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)(\.svc(\.cluster\.local\.?)?)?")
_IDENTITIES: Final = {
    "eks.amazonaws.com/role-arn": "AWS",
    "iam.gke.io/gcp-service-account": "Google Cloud",
    "azure.workload.identity/client-id": "Azure",
}


def check(inspection: Inspection) -> Iterator[Result]:
    storage = inspection.environment.configuration.storage
    yield _bucket(inspection, storage)
    if endpoint := _setting(storage, "endpoint"):
        yield from _endpoint(inspection, storage, endpoint)
    yield _credentials(inspection, storage)


def _uses_stow(storage: Mapping[str, Any]) -> bool:
    return bool((storage.get("stow") or {}).get("kind"))


def _setting(storage: Mapping[str, Any], key: str) -> str:
    """A setting of ``connection``, or of stow, whose keys have underscores."""
    if _uses_stow(storage):
        return str(((storage["stow"].get("config") or {}).get(key.replace("-", "_"))) or "")
    return str((storage.get("connection") or {}).get(key) or "")


def _path(storage: Mapping[str, Any], key: str) -> tuple[str, ...]:
    if _uses_stow(storage):
        return ("storage", "stow", "config", key.replace("-", "_"))
    return ("storage", "connection", key)


def _bucket(inspection: Inspection, storage: Mapping[str, Any]) -> Result:
    wanted = "a bucket for inputs and outputs"
    container, root = str(storage.get("container") or ""), inspection.values.data_root
    asked = inspection.asked("storage", "container")
    if not container and not root:
        found = "neither storage.container nor the release's dataRoot: every execution has to name its own paths"
        return warning(wanted, found, "set storage.container and dataRoot", asked)
    url = urlsplit(root)
    if root and url.scheme not in ("", "s3", "gs", "abfs", "file"):
        mend = "write s3://, gs://, abfs:// or a folder"
        return error(wanted, f"nothing is known of {url.scheme}://", mend, inspection.asked_of_release("dataRoot"))
    bucket = url.netloc.partition("@")[0]
    if container and bucket and bucket != container and not storage.get("enable-multicontainer"):
        found = f"dataRoot is in {bucket}, and {container} is the only bucket allowed"
        mend = "use one of them in both places, or set storage.enable-multicontainer"
        return error(wanted, found, mend, inspection.asked_of_release("dataRoot"))
    where = asked if container else inspection.asked_of_release("dataRoot")
    return ok(wanted, f"{container or bucket or root} is configured; whether it exists is not asked", where)


def _endpoint(inspection: Inspection, storage: Mapping[str, Any], endpoint: str) -> Iterator[Result]:
    wanted, asked = f"the store at {_without_secrets(endpoint)}", inspection.asked(*_path(storage, "endpoint"))
    try:
        url = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        _ = url.port
    except ValueError:
        yield error(wanted, "is no address", "write https://host:port", asked)
        return
    if not url.hostname or url.scheme not in ("", "http", "https"):
        yield error(wanted, "is no address of a store", "write https://host:port", asked)
        return
    plain = _setting(storage, "disable-ssl").lower() == "true"
    if (url.scheme == "https" and plain) or (url.scheme == "http" and not plain and not _uses_stow(storage)):
        contrary = f"the address says {url.scheme}, disable-ssl says {str(plain).lower()}"
        yield warning(wanted, contrary, "make them agree: FlytePropeller goes by the one, others by the other", asked)
    service = _SERVICE.fullmatch(url.hostname)
    if service is None:
        yield ok(wanted, "is an address; nobody was asked there", asked)
        return
    name, namespace = service[1], service[2]
    if not service[3] and inspection.cluster.get(f"/api/v1/namespaces/{namespace}") is None:
        yield ok(wanted, "is an address; nobody was asked there", asked)  # example.org
        return
    found = inspection.cluster.get(f"/api/v1/namespaces/{namespace}/services/{name}")
    if isinstance(found, Unread):
        yield not_checked(wanted, found.reason, asked)
    elif found is None:
        yield error(wanted, f"there is no Service {name} in {namespace}", "install the store, or mend the name", asked)
    else:
        yield from _port(wanted, url.port or (443 if url.scheme == "https" else 80), found, asked)


def _port(wanted: str, port: int, service: Mapping[str, Any], asked: Any) -> Iterator[Result]:
    ports = [one.get("port") for one in (service.get("spec") or {}).get("ports") or ()]
    if ports and port not in ports:
        listed = ", ".join(str(one) for one in ports)
        yield error(wanted, f"the Service has no port {port}, but {listed}", "mend the port", asked)
    else:
        yield ok(wanted, "the Service exists", asked)


def _credentials(inspection: Inspection, storage: Mapping[str, Any]) -> Result:
    wanted = "credentials for the store"
    if _setting(storage, "auth-type") == "accesskey":
        key = "access-key-id" if _uses_stow(storage) else "access-key"
        missing = [one for one in (key, "secret-key") if not _setting(storage, one)]
        asked = inspection.asked(*_path(storage, "auth-type"))
        if missing:
            mend = "set them, or use auth-type: iam and give the environment variables to the pods"
            return warning(wanted, f"auth-type is accesskey, and {' and '.join(missing)} not set", mend, asked)
        return ok(wanted, "access key and secret key are configured", asked)
    if any(str(one.get("name", "")).startswith(("AWS_", "GOOGLE_", "AZURE_")) for one in inspection.values.extra_env):
        return ok(wanted, "environment variables of the controller", inspection.asked_of_release("extraEnv"))
    account = inspection.cluster.get(
        f"/api/v1/namespaces/{inspection.home}/serviceaccounts/{inspection.account}", metadata_only=True
    )
    annotations = {**inspection.values.service_account.annotations}
    if isinstance(account, dict):
        annotations |= metadata(account).get("annotations") or {}
    asked = inspection.asked_of_release("serviceAccount", "annotations")
    clouds = [cloud for key, cloud in _IDENTITIES.items() if annotations.get(key)]
    if clouds:
        return ok(wanted, f"workload identity of {clouds[0]}, by the service account {inspection.account}", asked)
    why = "none are configured: they would have to come from the node, or from an association outside of the cluster"
    return not_checked(wanted, why, asked)


def _without_secrets(endpoint: str) -> str:
    return re.sub(r"//[^/@]*@", "//", endpoint)
