"""Look a host's addresses up in bounded time: the system's own look-up has no end of its own, and cannot be stopped."""

import encodings.idna  # noqa: F401 - else getaddrinfo imports it, on a thread, where a fork would hang the child
import socket
import threading
from typing import Any, Final

from queue_telemetry._runtime import guarded

__all__ = ["Address", "Lookup"]

_THREAD: Final = "queue_telemetry-logs-dns"

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family and what `connect` takes for it."""


class Lookup:
    """Asks for addresses on a daemon thread, one at a time: one that hangs is waited for again, not asked anew.

    Used by one thread at a time, but for `stop`. Not for use across a fork.
    """

    def __init__(self) -> None:
        self._question: _Question | None = None
        self._stopped = False

    def addresses(self, host: str, port: int, timeout_s: float) -> list[Address]:
        """Return all addresses in the system's order; numeric ones, and where no thread can be started, without one.

        Raises:
            OSError: There is none; a TimeoutError when there is no answer in time, or `stop` was called.
        """
        question = _Question(host, port)
        if question.ask(socket.AI_NUMERICHOST):
            return question.addresses
        if self._question is None or not self._question.is_same(question):
            self._question = question
            question.start()
        question = self._question
        if not self._stopped:
            question.woken.wait(timeout_s)
        if not question.answered:
            raise TimeoutError
        self._question = None
        if question.error is not None:
            raise OSError(str(question.error)) from question.error
        return question.addresses

    def stop(self) -> None:
        """End the present wait, and every later one at once. From any thread; must not block."""
        self._stopped = True
        question = self._question
        if question is not None:
            question.woken.set()


class _Question:
    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.addresses: list[Address] = []
        self.error: Exception | None = None
        self.answered = False
        self.woken = threading.Event()

    def is_same(self, other: "_Question") -> bool:
        return (self._host, self._port) == (other._host, other._port)

    def start(self) -> None:
        try:
            threading.Thread(target=self._run, name=_THREAD, daemon=True).start()
        except RuntimeError:  # the process's limit, or the interpreter is on its way out
            self._run()

    def ask(self, flags: int = 0) -> bool:
        """Ask the system and tell whether it knows addresses; what it raises is kept."""
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=flags)
        except Exception as error:  # noqa: BLE001 - a thread's top; names that are none raise several kinds
            self.error = error
            return False
        self.error = None
        self.addresses = [(family, address) for family, _, _, _, address in found]
        return True

    def _run(self) -> None:
        with guarded():
            self.ask()
            self.answered = True
            self.woken.set()
