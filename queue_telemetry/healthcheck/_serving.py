"""Open ports and their connections on one selector: each is moved on when it is ready, and none is waited for."""

import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from typing import Final

from queue_telemetry._runtime import BackgroundLoop
from queue_telemetry.healthcheck._connection import Connection, Work
from queue_telemetry.healthcheck._listener import Listener

__all__ = ["Serving"]

_MAX_CONNECTIONS: Final = 64
_MAX_ACCEPTED: Final = 16  # at once, so that a flood of new connections does not keep old ones waiting
_CONNECTION_S: Final = 5.0  # from accept to end: a probe that takes as long has failed anyway
_LONGEST_WAIT_S: Final = 60.0
_WORK_S: Final = 30.0  # to make a response that takes its time; a Prometheus server waits for 10


class Serving:
    """Serves whoever connects. Belongs to one thread, but for `wake`; after that thread, to whoever closes it.

    A slow client costs an entry in a table, for 5 s at most; the oldest of 64 makes room for the next.

    Attributes:
        answered: Responses that went out whole.
        cut: Connections ended without one: too slow, gone, or in the way of another.

    Raises:
        OSError: The process can have no more sockets.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.cut = 0
        self._connections: dict[socket.socket, Connection] = {}  # the oldest first
        self._worker = BackgroundLoop("queue_telemetry-scrape", self._work)
        self._to_do: deque[tuple[socket.socket, Work]] = deque()
        self._done: deque[tuple[socket.socket, bytes]] = deque()
        self._bell, self._clapper = socket.socketpair()
        try:
            self._selector = selectors.DefaultSelector()
        except BaseException:
            self._bell.close()
            self._clapper.close()
            raise
        self._bell.setblocking(False)
        self._clapper.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)

    def add(self, listener: Listener) -> None:
        """Serve an open listener too."""
        assert listener.socket is not None
        self._selector.register(listener.socket, selectors.EVENT_READ, listener)

    def serve(self, longest_s: float) -> None:
        """Wait for what happens next, for *longest_s* at most, and deal with it.

        Raises:
            OSError: The process can have no more sockets.
        """
        if self._connections:
            deadline_s = min(one.deadline_s for one in self._connections.values())
            longest_s = min(longest_s, deadline_s - time.monotonic())
        for key, _ in self._selector.select(max(longest_s, 0.0)):
            if isinstance(key.data, Listener):
                self._accept(key.data)
            elif isinstance(key.fileobj, socket.socket) and key.data is not None:
                self._advance(key.fileobj)
            else:
                self._bell.recv(64)
        while self._done:
            self._give(*self._done.popleft())
        now_s = time.monotonic()
        for sock in [sock for sock, one in self._connections.items() if one.deadline_s <= now_s]:
            self._end(sock)

    def wake(self) -> None:
        """End the present wait, from another thread. Must not block or raise."""
        with suppress(OSError):  # it is closed, or has been rung often enough
            self._clapper.send(b"\0")

    def close(self) -> None:
        """Close every connection; in a forked child its copies, which is all that they lose. Idempotent."""
        self._worker.stop(0.0)
        for sock in list(self._connections):
            sock.close()
        self._connections.clear()
        with suppress(OSError):
            self._selector.close()
        self._bell.close()
        self._clapper.close()

    def _accept(self, listener: Listener) -> None:
        assert listener.socket is not None
        for _ in range(_MAX_ACCEPTED):
            try:
                accepted, _ = listener.socket.accept()
            except (BlockingIOError, ConnectionError):  # none is left, or it is gone again
                return
            accepted.setblocking(False)
            while len(self._connections) >= _MAX_CONNECTIONS:
                self._end(next(iter(self._connections)))
            connection = Connection(accepted, listener.respond, time.monotonic() + _CONNECTION_S)
            self._connections[accepted] = connection
            self._selector.register(accepted, connection.events, connection)
            self._advance(accepted)  # what it has to say may be here already, and some are answered unasked

    def _advance(self, sock: socket.socket) -> None:
        connection = self._connections.get(sock)
        if connection is None:  # it made room for another in this very round
            return
        before = connection.events
        if not connection.advance():
            self._end(sock)
        elif connection.work is not None:
            self._selector.unregister(sock)
            self._begin(sock, connection, connection.work)
        elif connection.events != before:
            self._selector.modify(sock, connection.events, connection)

    def _begin(self, sock: socket.socket, connection: Connection, work: Work) -> None:
        """Have a response made by the worker, one after another: what takes its time is asked for seldom."""
        connection.deadline_s = time.monotonic() + _WORK_S
        self._to_do.append((sock, work))
        if self._worker.alive or self._worker.start():
            self._worker.wake()
        else:  # the process can have no more threads
            self._work()

    def _work(self) -> float:
        while self._to_do:
            sock, work = self._to_do.popleft()
            if sock in self._connections:  # else its time is up
                self._done.append((sock, work()))
                self.wake()
        return _LONGEST_WAIT_S

    def _give(self, sock: socket.socket, response: bytes) -> None:
        connection = self._connections.get(sock)
        if connection is not None:
            connection.give(response)
            connection.deadline_s = time.monotonic() + _CONNECTION_S
            self._selector.register(sock, connection.events, connection)
            self._advance(sock)

    def _end(self, sock: socket.socket) -> None:
        connection = self._connections.pop(sock)
        if connection.events:
            self._selector.unregister(sock)
        if connection.was_answered:
            self.answered += 1
        else:
            self.cut += 1
        sock.close()
