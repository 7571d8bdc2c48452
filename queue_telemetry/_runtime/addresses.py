"""Host names to addresses, as the system knows them. It may take as long as it likes: for a thread that may wait."""

import encodings.idna  # noqa: F401 - else getaddrinfo imports it, on our thread, where a fork would hang the child
import socket
from typing import Any

__all__ = ["Address", "look_up"]

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family and what `connect` takes for it."""


def look_up(
    host: str,
    port: int,
    kind: socket.SocketKind,
    *,
    family: socket.AddressFamily = socket.AF_UNSPEC,
    numeric: bool = False,
) -> list[Address]:
    """Return all addresses in the system's order.

    Args:
        host: A name or a numeric address.
        port: Goes into each address.
        kind: Of the socket that is to be connected.
        family: Look for addresses of this one only.
        numeric: Take *host* only for what it spells out, and ask nobody.

    Raises:
        OSError: There is none.
        UnicodeError: The name is none.
        ValueError: It has a NUL inside.
    """
    flags = socket.AI_NUMERICHOST if numeric else 0
    found = socket.getaddrinfo(host, port, family=family, type=kind, flags=flags)
    return [(family, address) for family, _, _, _, address in found]
