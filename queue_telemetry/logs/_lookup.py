"""Look a host's addresses up in bounded time: the system's own look-up has no end of its own, and cannot be stopped."""

import socket
import threading
from typing import Final

from queue_telemetry._runtime import Address, Bell, guarded, look_up

__all__ = ["Lookup"]

_THREAD: Final = "queue_telemetry-logs-dns"


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
        if question.ask(numeric=True):
            return question.addresses
        if self._question is None or not self._question.is_same(question):
            self._question = question
            question.start()
        question = self._question
        if not self._stopped:
            question.bell.wait(timeout_s)
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
            question.bell.ring()


class _Question:
    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.addresses: list[Address] = []
        self.error: Exception | None = None
        self.answered = False
        self.bell = Bell()  # rung with the answer, or to end the wait for it

    def is_same(self, other: "_Question") -> bool:
        return (self._host, self._port) == (other._host, other._port)

    def start(self) -> None:
        try:
            threading.Thread(target=self._run, name=_THREAD, daemon=True).start()
        except RuntimeError:  # the process's limit, or the interpreter is on its way out
            self._run()

    def ask(self, *, numeric: bool = False) -> bool:
        """Ask the system and tell whether it knows addresses; what it raises is kept."""
        try:
            self.addresses = look_up(self._host, self._port, socket.SOCK_STREAM, numeric=numeric)
        except Exception as error:  # noqa: BLE001 - a thread's top; names that are none raise several kinds
            self.error = error
            return False
        self.error = None
        return True

    def _run(self) -> None:
        with guarded():
            self.ask()
            self.answered = True
            self.bell.ring()
