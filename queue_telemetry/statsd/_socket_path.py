"""Where a Unix socket is and of which type: a path, or a URL that says both. Pure: no clock, no socket, no state."""

import os
import socket
from typing import Final, NamedTuple

from queue_telemetry.exceptions import ConfigurationError

__all__ = ["SOCKET_FORM", "SOCKET_SCHEMES", "SocketPath", "parse_socket_path"]

_LONGEST_BYTES: Final = 103  # of a path in a socket address: 107 on Linux, 103 on macOS
SOCKET_FORM: Final = (
    f"the absolute path of a Unix socket in at most {_LONGEST_BYTES} bytes, such as /var/run/datadog/dsd.socket, "
    "or unix://, unixgram:// or unixstream:// before it"
)
"""What the text of a Unix socket must be."""
_ANY: Final = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
_KINDS: Final = {"unix://": _ANY, "unixgram://": (socket.SOCK_DGRAM,), "unixstream://": (socket.SOCK_STREAM,)}


SOCKET_SCHEMES: Final = tuple(_KINDS)
"""What a URL of a Unix socket begins with: a host may be called unix-agent."""


class SocketPath(NamedTuple):
    """A Unix socket.

    Attributes:
        path: Absolute.
        kinds: The types of socket it may have, in the order to try.
    """

    path: str
    kinds: tuple[socket.SocketKind, ...]


def parse_socket_path(text: str) -> SocketPath:
    """Read `/path`, `unix:///path` (either type), `unixgram:///path` (datagrams) or `unixstream:///path`.

    Raises:
        ConfigurationError: *text* is none of these, or Unix sockets do not exist here.

    Source: https://docs.datadoghq.com/developers/dogstatsd/unix_socket
    """
    scheme = next((scheme for scheme in SOCKET_SCHEMES if text.startswith(scheme)), "")
    path = text.removeprefix(scheme)
    usable = path.startswith("/") and "\0" not in path and hasattr(socket, "AF_UNIX")
    if not usable or len(os.fsencode(path)) > _LONGEST_BYTES:
        raise ConfigurationError(f"STATSD_SOCKET is {text!r}; it must be {SOCKET_FORM}")
    return SocketPath(path, _KINDS.get(scheme, _ANY))
