"""A listening socket that one process of a host has, and another takes over when it is gone."""

import logging
import socket
from contextlib import suppress
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.healthcheck._connection import Respond

__all__ = ["Listener"]

_BACKLOG: Final = 128


class Listener:
    """Opens one port, as often as it takes.

    Attributes:
        respond: What its connections answer with.
        failures: How often the port could not be had.
        socket: The open one; None while there is none.

    Args:
        setting: The port's setting, for what is said about it.
        host: The address to listen on, or the name of one.
        port: The port; 0 for one that the system chooses, another at each opening.
        respond: As the attribute.
    """

    def __init__(self, setting: str, host: str, port: int, respond: Respond) -> None:
        self.respond = respond
        self.failures = 0
        self.socket: socket.socket | None = None
        self._setting = setting
        self._host = host
        self._port = port
        self._was_said = False

    @property
    def address(self) -> str | None:
        """Where it listens, such as `127.0.0.1:8081`; None while it does not."""
        opened = self.socket
        if opened is None:
            return None
        host, port = opened.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def open(self) -> bool:
        """Open the port; False when it cannot be had, which is said once until it can."""
        try:
            self.socket = _listen(self._host, self._port)
        except OSError as error:
            self.failures += 1
            if not self._was_said:
                self._was_said = True
                message = "%s=%s: cannot listen on %s: %s; health is not served there, and it is tried again"
                reason = error.strerror or str(error)
                say(
                    "health_port", message, self._setting, self._port, self._host, reason, level=logging.ERROR
                )
            return False
        self._was_said = False
        return True

    def close(self) -> None:
        """Close the socket, in a forked child its copy. Idempotent; must not raise."""
        opened, self.socket = self.socket, None
        if opened is not None:
            with suppress(OSError):
                opened.close()


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        # else the connections of a holder that has just ended would keep the port from its heir for a minute
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # `::` is every address of the host
        opened.bind(address)
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened
