"""Free TCP ports on 127.0.0.1.

A port can be taken by somebody else between choosing and binding it; no choice can prevent that. Whoever binds it finds
out, and starts again with other ports (`PortTaken`).
"""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on now, as the kernel hands them out."""
    with ExitStack() as held:
        # All are held at once, or the kernel might hand out one of them twice.
        sockets = [held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
