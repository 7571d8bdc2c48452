"""A collector on a real socket that does what a script says, down to the byte."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import pytest

_JOIN_S: Final = 5.0
_RESET: Final = struct.pack("ii", 1, 0)  # closing sends RST instead of FIN


class Deed(Enum):
    """What a server may do instead of answering."""

    CLOSE = auto()
    RESET = auto()
    SILENCE = auto()
    """Keep the connection and say nothing."""
    NEVER_READ = auto()
    READ_SLOWLY = auto()
    """Read byte by byte, so slowly that no deadline for a single read or write is ever missed."""
    RESET_IN_BODY = auto()
    """Read a part of the body, then reset."""


@dataclass
class Request:
    """One request that was read to its end."""

    connection: int
    head: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.raw) if self.headers.get("content-encoding") == "gzip" else self.raw

    @property
    def lines(self) -> list[bytes]:
        return self.body.splitlines()


@dataclass
class Reply:
    """An answer, and what the server keeps of the request: all lines of one that it answers with success.

    *pace_s* sends it byte by byte; *cut* closes the connection after so many bytes of it, *raw* after other bytes.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    stored: Sequence[bytes] | None = None
    pace_s: float = 0.0
    cut: int | None = None
    raw: bytes | None = None

    def keeps(self, request: Request) -> Sequence[bytes]:
        if self.stored is not None:
            return self.stored
        return request.lines if 200 <= self.status < 300 else []

    def __bytes__(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.status == 204:
            return b"HTTP/1.1 204 Said\r\n\r\n"  # it has no body, and no length either
        fields = {"content-length": str(len(self.body)), **self.headers}
        named = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} Said\r\n{named}\r\n".encode() + self.body


class ScriptedServer:
    """Does to each connection what `at_connect` says, to each request what `script` says, and then as `usual` does.

    What `at_head` answers to a request's size is sent before its body is read, and ends the connection.
    """

    def __init__(self) -> None:
        self.at_connect: list[Deed] = []
        self.at_head: Callable[[int], Reply | None] = lambda _: None
        self.script: list[Reply | Deed] = []
        self.usual: Callable[[Request], Reply | Deed] = lambda _: Reply()
        self.requests: list[Request] = []
        self.stored: list[bytes] = []
        self.connections = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.socket()
        self._listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, 4096
        )  # who is not read soon has to wait
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/logs"
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Listen; until then connections are refused."""
        self._listener.listen()
        self._threads.append(threading.Thread(target=self._accept))
        self._threads[0].start()

    def stop(self) -> None:
        self._stopping.set()
        for connection in [self._listener, *self._open]:
            with suppress(OSError):  # it never listened, or has ended by itself
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(_JOIN_S)

    def wait_for(self, requests: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= requests, 10)

    def numbers(self) -> list[int]:
        """Return the numbers of the lines that were kept, in the order in which they came."""
        return [json.loads(line)["n"] for line in self.stored]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.connections))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        deed = self.at_connect.pop(0) if self.at_connect else None
        with connection, suppress(OSError):  # the client, or stop(), ended it
            if deed is None:
                while self._exchange(connection, number):
                    pass
            elif deed is Deed.RESET_IN_BODY:
                self._read_head(connection)
                self._do(Deed.RESET, connection)
            elif deed is Deed.READ_SLOWLY:
                while connection.recv(1) and not self._stopping.wait(0.01):
                    pass
            else:
                self._do(deed, connection)

    def _exchange(self, connection: socket.socket, number: int) -> bool:
        head, raw = self._read_head(connection)
        if not head:
            return False
        first, *fields = head.split("\r\n")
        named = (one.partition(":") for one in fields)
        headers = {name.lower(): value.strip() for name, _, value in named}
        size = int(headers["content-length"])
        early = self.at_head(size)
        if early is not None:
            connection.sendall(bytes(early))
            return False
        while len(raw) < size:
            if not (part := connection.recv(65536)):
                return False
            raw += part
        request = Request(number, first, headers, raw)
        with self._changed:
            reaction = self.script.pop(0) if self.script else self.usual(request)
            if isinstance(reaction, Reply):
                self.stored += reaction.keeps(request)
            self.requests.append(request)
            self._changed.notify_all()
        if isinstance(reaction, Deed):
            self._do(reaction, connection)
            return False
        return self._answer(connection, reaction)

    def _read_head(self, connection: socket.socket) -> tuple[str, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (part := connection.recv(1024)):
                return "", b""
            data += part
        head, _, rest = data.partition(b"\r\n\r\n")
        return head.decode("latin-1"), rest

    def _answer(self, connection: socket.socket, reply: Reply) -> bool:
        data = bytes(reply)[: reply.cut]
        if not reply.pace_s:
            connection.sendall(data)
            return reply.cut is None and reply.raw is None
        for byte in data:
            connection.sendall(bytes([byte]))
            if self._stopping.wait(reply.pace_s):
                break
        return False

    def _do(self, deed: Deed, connection: socket.socket) -> None:
        if deed is Deed.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        elif deed is not Deed.CLOSE:
            self._stopping.wait()


def line(number: int, text: str = "said") -> bytes:
    """Return a record as the encoder writes it, with its newline."""
    record = {
        "timestamp": "2023-11-14T22:13:20.000001Z",
        "level": "INFO",
        "message": text,
        "n": number,
        "record_id": f"r{number}",
    }
    return json.dumps(record).encode() + b"\n"


@pytest.fixture
def unheard() -> Iterator[ScriptedServer]:
    """A server that does not listen yet."""
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def server(unheard: ScriptedServer) -> ScriptedServer:
    unheard.start()
    return unheard


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def deed() -> type[Deed]:
    return Deed


@pytest.fixture
def record_line() -> Callable[..., bytes]:
    return line
