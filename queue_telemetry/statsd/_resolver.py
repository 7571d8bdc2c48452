"""Host names to addresses, on a thread of its own: a slow DNS never holds up whoever sends."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from queue_telemetry._runtime import Address, BackgroundLoop, full_jitter_s, look_up, say

__all__ = ["Resolver"]

_REFRESH_S: Final = 30.0
_RETRY_BASE_S: Final = 1.0
_MAX_REMEMBERED: Final = 16
_LOCALHOST: Final = (
    "127.0.0.1",
    "::1",
)  # never asked of DNS; agents listen on IPv4, and ::1 first broke people


_remembered: dict[tuple[str, int, socket.AddressFamily], tuple[float, Sequence[Address]]] = {}
"""When DNS last answered for a host, port and family, in monotonic seconds, and what: a forked child need not ask first."""


class Resolver:
    """Tells *on_addresses* where a host is: at once when numeric, else whenever the answer of DNS changes.

    The last good answer stays when a later attempt fails, and another resolver of this process or of a forked child
    begins with it.

    Args:
        host: A name or a numeric address.
        port: The receiver's port.
        on_addresses: Takes addresses in order of preference; called on the resolver's thread.
        ask: Asks DNS; may block, and may raise what `socket.getaddrinfo` raises.
        ipv6: Look for IPv6 addresses only.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_addresses: Callable[[Sequence[Address]], None],
        ask: Callable[[str, int], Sequence[Address]] | None = None,
        *,
        ipv6: bool = False,
    ) -> None:
        family = socket.AF_INET6 if ipv6 else socket.AF_UNSPEC
        self._host = host
        self._port = port
        self._question = host, port, family
        self._on_addresses = on_addresses
        self._look_up = ask or partial(look_up, kind=socket.SOCK_DGRAM, family=family)
        self._failures = 0
        self._known = self._is_numeric = False
        self._fresh_until_s = float("-inf")
        self._stopped = False
        self._begin_process()
        numeric = [
            address for name in _numeric_names(host) for address in _numeric_addresses(name, port, family)
        ]
        if numeric:
            self._is_numeric = True
            self._publish(numeric)
        elif (remembered := _remembered.get(self._question)) is not None:
            answered_at_s, addresses = remembered
            self._fresh_until_s = answered_at_s + _REFRESH_S
            self._publish(addresses)

    def _begin_process(self) -> None:
        """Make what belongs to one process."""
        self._answered = threading.Event()
        self._lock = threading.RLock()  # guards the start of the thread
        self._loop: BackgroundLoop | None = None

    def reset_after_fork(self) -> None:
        """In a forked child, where the thread does not exist: let the next start begin anew. Takes no lock."""
        self._begin_process()

    def start(self) -> None:
        """Start to resolve unless it is numeric, stopped or already under way, or the answer is still fresh."""
        if self._is_numeric or self._loop is not None or time.monotonic() < self._fresh_until_s:
            return
        with self._lock:
            if self._stopped or self._loop is not None:
                return
            loop = BackgroundLoop("queue_telemetry-dns", self._step)
            if loop.start():
                self._loop = loop

    def await_answer(self, timeout_s: float) -> bool:
        """Wait for the first answer, good or bad, unless an address is known already; tell whether one is."""
        self.start()
        if self._loop is not None and not self._known:
            self._answered.wait(max(timeout_s, 0.0))
        return self._known

    @property
    def has_failed(self) -> bool:
        """Whether DNS was asked, and no address is known."""
        return self._failures > 0 and not self._known

    def stop(self) -> None:
        """Ask the thread to end. It is not waited for: DNS may hold it for long, and it is a daemon."""
        with self._lock:
            self._stopped = True
            loop = self._loop
        if loop is not None:
            loop.stop(0.0)

    def _step(self) -> float:
        try:
            addresses = self._look_up(self._host, self._port)
        except (OSError, UnicodeError, ValueError) as error:
            say("statsd_unresolved", "The StatsD host %s has no address: %s", self._host, error)
            self._failures += 1
            self._answered.set()
            return full_jitter_s(self._failures, base_s=_RETRY_BASE_S, cap_s=_REFRESH_S)
        self._failures = 0
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.clear()
        _remembered[self._question] = (time.monotonic(), addresses)
        self._publish(addresses)
        return _REFRESH_S

    def _publish(self, addresses: Sequence[Address]) -> None:
        if not self._stopped:
            self._on_addresses(addresses)
            self._known = True
        self._answered.set()


def _numeric_names(host: str) -> tuple[str, ...]:
    return _LOCALHOST if host.lower() == "localhost" else (host,)


def _numeric_addresses(host: str, port: int, family: socket.AddressFamily) -> list[Address]:
    """Return the address that *host* spells out; empty for a name. Asks no one."""
    try:
        return look_up(host, port, socket.SOCK_DGRAM, family=family, numeric=True)
    except (OSError, UnicodeError, ValueError):
        return []
