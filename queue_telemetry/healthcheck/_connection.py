"""One connection of a client that may be slow, hostile or gone: reads a request, writes an answer, ends. Never waits."""

import socket
from collections.abc import Callable
from enum import Enum, auto
from selectors import EVENT_READ, EVENT_WRITE
from typing import Final

__all__ = ["Connection", "Respond", "Work"]

_READ_BYTES: Final = 16_384
_MOST_DISCARDED_BYTES: Final = 65_536  # of a body that nobody asked for

Work = Callable[[], bytes]
"""Makes a response, and takes its time."""
Respond = Callable[[bytearray], bytes | Work | None]
"""Returns the whole response to what has been received so far, or what makes it; None while more of the request is needed."""


class _Phase(Enum):
    READING = auto()
    WAITING = auto()  # for the response, which is made on another thread
    WRITING = auto()
    ENDING = (
        auto()
    )  # what the client still sends is read away: closing on it would reset what it has not read yet


class Connection:
    """The state of one connection, moved on whenever its socket is ready.

    Attributes:
        deadline_s: When its time is up, seconds, monotonic.
        work: What makes the response, until it is done; None otherwise.
        was_answered: Whether the response went out whole.

    Args:
        accepted: Its socket, not blocking.
        respond: Makes the response; asked once at the beginning too, for a protocol that says something unasked.
        deadline_s: As the attribute.
    """

    def __init__(self, accepted: socket.socket, respond: Respond, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.work: Work | None = None
        self.was_answered = False
        self._socket = accepted
        self._respond = respond
        self._received = bytearray()
        self._discarded_bytes = 0
        self._left = memoryview(b"")
        self._phase = _Phase.READING

    @property
    def events(self) -> int:
        """What its socket has to be ready for; 0 while a response is being made."""
        if self._phase is _Phase.WAITING:
            return 0
        return EVENT_WRITE if self._phase is _Phase.WRITING else EVENT_READ

    def give(self, response: bytes) -> None:
        """Have *response* written from now on."""
        self._left, self._phase, self.work = memoryview(response), _Phase.WRITING, None

    def advance(self) -> bool:
        """Do what can be done now; False when the connection is over. Must not block; what `respond` raises goes on."""
        try:
            if self._phase is _Phase.READING:
                self._read()
            if self._phase is _Phase.WRITING:
                self._write()
            return self._phase is not _Phase.ENDING or self._discard()
        except BlockingIOError:
            return True
        except OSError:  # the client is gone
            return False

    def _read(self) -> None:
        response = self._respond(self._received)
        if response is None:
            received = self._socket.recv(_READ_BYTES)
            if not received:
                raise ConnectionResetError
            self._received += received
            response = self._respond(self._received)
        if response is not None:
            self._received.clear()
            if isinstance(response, bytes):
                self.give(response)
            else:
                self.work, self._phase = response, _Phase.WAITING

    def _write(self) -> None:
        while self._left:
            self._left = self._left[self._socket.send(self._left) :]
        self.was_answered, self._phase = True, _Phase.ENDING
        self._socket.shutdown(socket.SHUT_WR)

    def _discard(self) -> bool:
        """Read what the client still sends; False when it has ended too, or sends too much."""
        while received := self._socket.recv(_READ_BYTES):
            self._discarded_bytes += len(received)
            if self._discarded_bytes > _MOST_DISCARDED_BYTES:
                return False
        return False
