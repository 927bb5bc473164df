"""Outputs and inputs: the same behaviour on a local folder and on S3, and what S3 alone can do wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import errors_pb2, execution_pb2, literals_pb2

from controller.services import stores
from controller.services.outputs import OutputStore
from pluginmachinery.core.actions import Done, Files, OutputError, Outputs, Refused
from tests.controller.services.moto_server import MotoServer
from tests.controller.services.s3_server import S3Server, storage

LIMITS = {"limits": {"maxDownloadMBs": 2}}


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    with MotoServer(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
async def s3(moto: MotoServer) -> AsyncIterator[S3Server]:
    async with S3Server(moto) as server:
        yield server


class Place:
    """A store and a prefix in it, whichever it is."""

    def __init__(self, store: OutputStore, prefix: str) -> None:
        self.store = store
        self.prefix = prefix

    async def has(self, **files: bytes) -> None:
        written = await self.store.write_files({f"{self.prefix}/{name}.pb": data for name, data in files.items()})
        assert written == Done()

    async def read(self) -> Outputs | Refused:
        return await self.store.read_outputs(self.prefix)


@pytest.fixture(params=["local", "s3"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server) -> Place:
    if request.param == "local":
        return Place(OutputStore(LIMITS, str(tmp_path)), f"{tmp_path}/run/outputs")
    return Place(OutputStore(storage(s3)), "s3://bucket/run/outputs")


def outputs(text: str = "done") -> bytes:
    literal = literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(string_value=text)))
    return literals_pb2.LiteralMap(literals={"o0": literal}).SerializeToString()


def error(**members: Any) -> bytes:
    return errors_pb2.ErrorDocument(error=errors_pb2.ContainerError(**members)).SerializeToString()


async def test_a_deck_is_looked_for_where_there_may_be_one(place: Place) -> None:
    await place.has(outputs=outputs())
    assert (await place.store.read_outputs(place.prefix, deck=True)).deck is False  # type: ignore[union-attr]
    assert await place.store.write_files({f"{place.prefix}/deck.html": b"<html>"}) == Done()
    assert (await place.store.read_outputs(place.prefix, deck=True)).deck is True  # type: ignore[union-attr]
    assert (await place.store.read_outputs(place.prefix)).deck is False  # type: ignore[union-attr]
    await place.has(error=error(code="c"))
    failed = await place.store.read_outputs(place.prefix, deck=True)
    assert isinstance(failed, Outputs)
    assert (failed.error is not None, failed.deck) == (True, True)


async def test_a_store_that_can_not_tell_of_a_deck_tells_of_outputs(s3: S3Server) -> None:
    place = Place(OutputStore(storage(s3)), "s3://bucket/run")
    await place.has(outputs=outputs())
    s3.faults["run/deck.html"] = [403]
    left = await place.store.read_outputs(place.prefix, deck=True)
    assert isinstance(left, Outputs)
    assert (left.outputs is not None, left.deck) == (True, False)


async def test_nothing_was_left(place: Place) -> None:
    assert await place.read() == Outputs()


async def test_outputs_come_as_protobuf_json(place: Place) -> None:
    await place.has(outputs=outputs())
    assert await place.read() == Outputs({"literals": {"o0": {"scalar": {"primitive": {"stringValue": "done"}}}}})


async def test_empty_outputs_are_outputs(place: Place) -> None:
    await place.has(outputs=b"")
    assert await place.read() == Outputs({})


async def test_many_files_are_read_at_once_and_those_that_are_not_there_are_left_out(place: Place) -> None:
    await place.has(**{f"file{number}": bytes([number]) for number in range(50)})
    paths = tuple(f"{place.prefix}/file{number}.pb" for number in range(60))
    everything = {path: bytes([number]) for number, path in enumerate(paths[:50])}
    assert await place.store.read_files(paths, content=True) == Files(everything)
    assert await place.store.read_files(paths, content=False) == Files(dict.fromkeys(everything, b""))


async def test_files_of_a_bucket_that_is_not_there_are_refused_not_missing(s3: S3Server) -> None:
    refused = await OutputStore(storage(s3)).read_files(("s3://nobody/a.pb",), content=True)
    assert isinstance(refused, Refused)
    assert refused.reason == "BucketNotFound"


async def test_an_error_beats_outputs(place: Place) -> None:
    user = error(
        code="USER:ValueError",
        message="bad value",
        kind=errors_pb2.ContainerError.RECOVERABLE,
        origin=execution_pb2.ExecutionError.USER,
    )
    await place.has(outputs=outputs(), error=user)
    assert await place.read() == Outputs(error=OutputError("USER:ValueError", "bad value", "USER", recoverable=True))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (error(code="c", message="m"), OutputError("c", "m", "UNKNOWN", recoverable=False)),
        (
            error(code="c", origin=execution_pb2.ExecutionError.SYSTEM),
            OutputError("c", "", "SYSTEM", recoverable=False),
        ),
        (b"", OutputError("ErrorFileBadFormat", "", "SYSTEM", recoverable=True)),
    ],
    ids=["without an origin", "of the system", "an empty document"],
)
async def test_errors(place: Place, document: bytes, expected: OutputError) -> None:
    await place.has(error=document)
    left = await place.read()
    assert isinstance(left, Outputs)
    assert left.error is not None
    assert (left.error.code, left.error.kind, left.error.recoverable) == (
        expected.code,
        expected.kind,
        expected.recoverable,
    )


@pytest.mark.parametrize("name", ["outputs", "error"])
async def test_a_truncated_file_is_told_as_such(place: Place, name: str) -> None:
    whole = outputs("x" * 100) if name == "outputs" else error(code="c", message="m" * 100)
    await place.has(**{name: whole[:-7]})
    refused = await place.read()
    assert isinstance(refused, Refused)
    assert refused.reason == "OutputsMalformed"
    assert f"{name}.pb is truncated" in refused.message


@pytest.mark.parametrize("name", ["outputs", "error"])
async def test_a_file_that_is_too_large_is_not_read(place: Place, name: str) -> None:
    await place.has(**{name: outputs("x" * (2 * 1024 * 1024))})
    refused = await place.read()
    assert isinstance(refused, Refused)
    assert refused.reason == "OutputSizeExceeded"


async def test_large_outputs_within_the_limit_are_read(place: Place) -> None:
    await place.has(outputs=outputs("x" * 1_500_000))
    left = await place.read()
    assert isinstance(left, Outputs)
    assert left.outputs is not None
    assert len(left.outputs["literals"]["o0"]["scalar"]["primitive"]["stringValue"]) == 1_500_000


async def test_files_are_replaced_as_a_whole(place: Place) -> None:
    await place.has(outputs=outputs("first" * 100))
    await place.has(outputs=outputs("second"))
    left = await place.read()
    assert isinstance(left, Outputs)
    assert "second" in str(left.outputs)


# --- What S3 can do wrong --------------------------------------------------------------------------------------------


async def test_the_common_case_costs_two_requests_and_one_round_trip(s3: S3Server) -> None:
    place = Place(OutputStore(storage(s3)), "s3://bucket/run")
    await place.has(outputs=outputs())
    s3.requests.clear()
    await place.read()
    assert sorted(s3.requests) == ["GET run/error.pb", "GET run/outputs.pb"]


async def test_a_server_that_stumbles_is_asked_again(s3: S3Server) -> None:
    place = Place(OutputStore(storage(s3)), "s3://bucket/run")
    await place.has(outputs=outputs())
    s3.faults["run/outputs.pb"] = [500, 503]
    s3.faults["run/error.pb"] = [0.05]
    assert isinstance(await place.read(), Outputs)


async def test_a_server_that_stays_down_is_unavailable(s3: S3Server) -> None:
    place = Place(OutputStore(storage(s3)), "s3://bucket/run")
    s3.faults["run/error.pb"] = [500] * 10
    refused = await place.read()
    assert isinstance(refused, Refused)
    assert refused.reason == "StoreUnavailable"
    assert "s3://bucket/run/error.pb" in refused.message
    assert "\n" not in refused.message


async def test_a_transfer_that_breaks_off_is_never_taken_for_the_whole(s3: S3Server) -> None:
    place = Place(OutputStore(storage(s3)), "s3://bucket/run")
    await place.has(outputs=outputs("x" * 10_000))
    s3.faults["run/outputs.pb"] = ["cut"] * 10
    refused = await place.read()
    assert isinstance(refused, Refused)
    assert refused.reason == "StoreUnavailable"


async def test_a_bucket_that_is_not_there_is_not_a_task_without_outputs(s3: S3Server) -> None:
    store = OutputStore(storage(s3))
    read = await store.read_outputs("s3://nobody/run")
    written = await store.write_files({"s3://nobody/in.pb": b""})
    assert isinstance(read, Refused)
    assert isinstance(written, Refused)
    assert (read.reason, written.reason) == ("BucketNotFound", "BucketNotFound")


async def test_wrong_credentials_are_told_as_such(s3: S3Server) -> None:
    wrong = storage(s3)
    wrong["connection"] = wrong["connection"] | {"access-key": "somebody"}
    refused = await OutputStore(wrong).read_outputs("s3://bucket/run")
    assert isinstance(refused, Refused)
    assert refused.reason == "AccessDenied"


async def test_a_server_that_is_not_there(s3: S3Server) -> None:
    gone = storage(s3) | {"connection": {"endpoint": "http://127.0.0.1:1", "auth-type": "accesskey"}}
    refused = await OutputStore(gone).write_files({"s3://bucket/in.pb": b"x"})
    assert isinstance(refused, Refused)
    assert refused.reason == "StoreUnavailable"


# --- Where a task may point ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "root", "path", "reason"),
    [
        ({}, "", "/etc", stores.LOCATION_NOT_ALLOWED),
        ({}, "s3://bucket", "/etc", stores.LOCATION_NOT_ALLOWED),
        ({}, "{root}", "/etc", stores.LOCATION_NOT_ALLOWED),
        ({}, "{root}", "{root}/../other", stores.LOCATION_NOT_ALLOWED),
        ({}, "{root}", "{root}/link", stores.LOCATION_NOT_ALLOWED),
        ({}, "{root}", "file:///etc", stores.LOCATION_NOT_ALLOWED),
        ({"container": "ours"}, "", "s3://theirs/x", stores.LOCATION_NOT_ALLOWED),
        ({}, "", "ftp://host/x", stores.UNSUPPORTED_LOCATION),
        ({}, "", "s3:///x", stores.UNSUPPORTED_LOCATION),
    ],
    ids=[
        "no root",
        "a root that is no folder",
        "outside of the root",
        "out by dots",
        "out by a link",
        "out by a URL",
        "another bucket than the configured one",
        "an unknown scheme",
        "no bucket",
    ],
)
async def test_a_task_can_not_point_anywhere(
    tmp_path: Path, section: dict[str, Any], root: str, path: str, reason: str
) -> None:
    base = tmp_path / "root"
    base.mkdir()
    (base / "link").symlink_to("/etc")
    store = OutputStore(section, root.format(root=base))
    read = await store.read_outputs(path.format(root=base))
    written = await store.write_files({f"{path.format(root=base)}/in.pb": b"x"})
    assert isinstance(read, Refused)
    assert isinstance(written, Refused)
    assert (read.reason, written.reason) == (reason, reason)


async def test_a_file_url_and_a_relative_path_within_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = OutputStore({}, "data")
    assert await store.write_files({"data/a/outputs.pb": outputs()}) == Done()
    left = await store.read_outputs(f"file://{tmp_path}/data/a")
    assert isinstance(left, Outputs)
    assert left.outputs is not None


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        ({}, {"region": "us-east-1"}),
        ({"connection": {"region": "eu-1", "auth-type": "iam", "access-key": "k"}}, {"region": "eu-1"}),
        (
            {
                "connection": {
                    "endpoint": "minio:9000",
                    "disable-ssl": True,
                    "auth-type": "accesskey",
                    "access-key": "k",
                }
            },
            {
                "region": "us-east-1",
                "endpoint": "http://minio:9000",
                "access_key_id": "k",
                "secret_access_key": "",
            },
        ),
        (
            {
                "stow": {
                    "kind": "s3",
                    "config": {
                        "auth_type": "accesskey",
                        "access_key_id": "k",
                        "secret_key": "s",
                        "endpoint": "https://x",
                        "region": "r",
                    },
                }
            },
            {"region": "r", "endpoint": "https://x", "access_key_id": "k", "secret_access_key": "s"},
        ),
    ],
    ids=["nothing configured", "roles", "a key, and an address without scheme", "by way of stow"],
)
def test_what_the_s3_client_is_told(section: dict[str, Any], settings: dict[str, str]) -> None:
    assert stores.s3_settings(section) == settings


def test_other_clouds_are_opened_without_asking_them_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = stores.Stores({"stow": {"kind": "azure", "config": {"account": "acc", "key": "a2V5"}}})
    store, key = opened.locate("abfs://container/a/b")
    assert key == "a/b"
    assert opened.locate("abfs://container/c")[0] is store
    assert opened.locate("abfss://container@acc.dfs.core.windows.net/c")[1] == "c"
