from __future__ import annotations

import socket

import pytest

from controller.services.probes import bind


@pytest.mark.parametrize("listen", ["127.0.0.1:0", ":0", "[::1]:0"], ids=["host", "all addresses", "IPv6"])
def test_where_to_listen(listen: str) -> None:
    try:
        bound = bind(listen)
    except OSError:
        pytest.skip(f"this machine has no {listen}")
    assert bound.getsockname()[1] > 0
    bound.close()


@pytest.mark.parametrize("listen", ["8080", "host", "host:port", ""])
def test_what_is_no_place_to_listen(listen: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        bind(listen)


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        bind(f"127.0.0.1:{other.getsockname()[1]}")
