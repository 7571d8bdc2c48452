"""A scripted collector on a real socket, a clock turned by hand, and a sender that answers from a list."""

import gzip
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry._runtime import SYSTEM_CLOCK, Clock
from queue_telemetry.logs import Endpoint, Limits, LogPipeline, LossRecord, RecordBuffer, Shipper, Storage
from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._courier import Courier
from queue_telemetry.logs._write_ahead import WriteAheadBuffer
from queue_telemetry.logs.formats import Format, NdjsonFormat
from queue_telemetry.logs.spool import DeadLetters, Spool


@dataclass
class Reply:
    """How to treat one request; *then* is what follows the status: "", "close", "trickle_head", "trickle_body"."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    then: str = ""


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    raw: bytes
    connection: int

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.raw) if self.headers.get("content-encoding") == "gzip" else self.raw

    @property
    def lines(self) -> list[bytes]:
        return self.body.splitlines()


class Collector:
    """An HTTP/1.1 server that follows a script: one reply a request, then `usual` for ever."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.usual = Reply()
        self.requests: list[Request] = []
        self.connections = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/logs"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def reply(self, status: int = 200, then: str = "", body: bytes = b"ok", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script.append(Reply(status, named, body, then))

    def wait_for(self, requests: int, timeout_s: float = 10.0) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= requests, timeout_s)

    def lines(self) -> list[bytes]:
        return [line for request in self.requests for line in request.lines]

    def stop(self) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection, self.connections))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(0.05)
        with connection:
            try:
                while self._exchange(connection, number):
                    pass
            except OSError:
                return

    def _exchange(self, connection: socket.socket, number: int) -> bool:
        head, _, rest = self._receive(connection, b"", lambda data: b"\r\n\r\n" in data).partition(
            b"\r\n\r\n"
        )
        if not head:
            return False
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)
        }
        length = int(headers.get("content-length", "0"))
        raw = self._receive(connection, rest, lambda data: len(data) >= length)
        if len(raw) < length:
            return False
        reply = self.script.pop(0) if self.script else self.usual
        with self._changed:
            self.requests.append(Request(line, headers, raw, number))
            self._changed.notify_all()
        return self._answer(connection, reply)

    def _receive(self, connection: socket.socket, data: bytes, enough: Callable[[bytes], bool]) -> bytes:
        while not enough(data):
            try:
                part = connection.recv(65536)
            except TimeoutError:
                if self._stopping.is_set():
                    return b""
                continue
            if not part:
                return b""
            data += part
        return data

    def _answer(self, connection: socket.socket, reply: Reply) -> bool:
        if reply.then == "hang":
            self._stopping.wait(15)
            return False
        if reply.then == "close_unanswered":
            return False
        fields = {"content-length": str(len(reply.body)), **reply.headers}
        head = (
            f"HTTP/1.1 {reply.status} Said\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"
        )
        if reply.then == "trickle_head":
            return self._trickle(connection, head.encode() * 50)
        if reply.then == "trickle_body":
            connection.sendall(head.encode().replace(b"content-length: 2", b"content-length: 5000"))
            return self._trickle(connection, b"x" * 5000)
        connection.sendall(head.encode() + reply.body)
        return reply.then != "close"

    def _trickle(self, connection: socket.socket, data: bytes) -> bool:
        for byte in data:
            connection.sendall(bytes([byte]))
            if self._stopping.wait(0.02):
                break
        return False


class ManualClock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.clock = Clock(monotonic=lambda: self.now_s, time=lambda: 1_700_000_000.0 + self.now_s)

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class ListSender:
    """Gives the listed answers, then 200 for ever, and keeps the bodies."""

    def __init__(self) -> None:
        self.answers: list[Answer | BaseException] = []
        self.bodies: list[bytes] = []
        self.within_s: list[float] = []
        self.aborted = False
        self.closed = False

    def send(self, body: bytes | bytearray, *, within_s: float) -> Answer:
        self.within_s.append(within_s)
        self.bodies.append(bytes(body))
        answer = self.answers.pop(0) if self.answers else Answer(200, bytes_wire=len(body))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def enforce_deadline(self) -> None:
        return

    def abort(self) -> None:
        self.aborted = True

    def forget(self) -> None:
        return

    def close(self) -> None:
        self.closed = True


class HungDisk:
    """A disk that does not come back from writes, from a moment on until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.met, self._over, self._real = threading.Event(), threading.Event(), os.pwrite
        self.threads: list[str] = []
        monkeypatch.setattr(os, "pwrite", self._write)

    def _write(self, descriptor: int, data: bytes, offset: int) -> int:
        self.threads.append(threading.current_thread().name)
        self.met.set()
        self._over.wait(30)
        return self._real(descriptor, data, offset)

    def let_go(self) -> None:
        self._over.set()


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], HungDisk]]:
    disks: list[HungDisk] = []

    def begin() -> HungDisk:
        disks.append(HungDisk(monkeypatch))
        return disks[-1]

    yield begin
    for disk in disks:
        disk.let_go()


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    yield server
    server.stop()


@pytest.fixture
def manual_clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def list_sender() -> ListSender:
    return ListSender()


@pytest.fixture
def make_buffer(manual_clock: ManualClock) -> Callable[..., RecordBuffer]:
    def make(
        max_bytes: int = 1_000_000,
        batch_bytes: int = 100_000,
        linger_s: float = 1.0,
        clock: Clock | None = None,
        writes_ahead: bool = False,
        **options: Any,
    ) -> RecordBuffer:
        kind: Callable[..., RecordBuffer] = WriteAheadBuffer if writes_ahead else RecordBuffer
        return kind(
            max_bytes,
            batch_bytes=batch_bytes,
            linger_s=linger_s,
            clock=clock or manual_clock.clock,
            **options,
        )

    return make


@pytest.fixture
def make_spool(manual_clock: ManualClock, tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    """Make a real spool in the test's folder; several have one owner, as after a reconfiguration."""
    made: list[Spool] = []
    owner = object()

    def make(max_bytes: int = 1 << 28, clock: Clock | None = None) -> Spool:
        made.append(
            Spool(
                tmp_path / "spool",
                "collector",
                max_bytes=max_bytes,
                clock=clock or manual_clock.clock,
                owner=owner,
            )
        )
        return made[-1]

    yield make
    for spool in made:
        spool.close()


@pytest.fixture
def full_disk() -> Callable[..., AbstractContextManager[None]]:
    """Return a context in which no file of this process grows beyond a size, as on a full disk.

    It holds for pytest's own report too, so that only what is tested belongs into it.
    """

    @contextmanager
    def limit(max_bytes: int = 0) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture
def make_shipper(list_sender: ListSender, manual_clock: ManualClock) -> Callable[..., Shipper]:
    """Make a shipper of a buffer that sends by the list."""

    def make(
        buffer: RecordBuffer,
        *,
        sender: Any = None,
        wire_format: Any = None,
        batch_bytes: int = 100_000,
        dead_letters: DeadLetters | None = None,
        spool: Spool | None = None,
        clock: Clock | None = None,
        make_loss_record: LossRecord | None = None,
    ) -> Shipper:
        clock = clock or manual_clock.clock
        courier = Courier(
            buffer,
            sender or list_sender,
            wire_format or NdjsonFormat(),
            batch_bytes=batch_bytes,
            dead_letters=dead_letters,
            clock=clock,
        )
        return Shipper(buffer, courier, clock=clock, spool=spool, make_loss_record=make_loss_record)

    return make


@pytest.fixture
def make_pipeline() -> Iterator[Callable[..., LogPipeline]]:
    made: list[LogPipeline] = []

    def make(
        url: str,
        token: str | None = None,
        batch_bytes: int = 1024 * 1024,
        max_memory_bytes: int = 32 * 1024 * 1024,
        wire_format: Format | None = None,
        storage: Storage | None = None,
    ) -> LogPipeline:
        wire_format = wire_format or NdjsonFormat()
        made.append(
            LogPipeline(
                Endpoint.parse(url, token, {}, wire_format),
                wire_format,
                limits=Limits(batch_bytes, 0.01, max_memory_bytes),
                storage=storage,
                clock=SYSTEM_CLOCK,
            )
        )
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close(1.0)


_PIPELINE_SCRIPT = """
from queue_telemetry._runtime import SYSTEM_CLOCK
from queue_telemetry.logs import Endpoint, Limits, LogPipeline
from queue_telemetry.logs._write_ahead import WriteAheadBuffer
from queue_telemetry.logs.formats import NdjsonFormat

def make_pipeline(url, storage=None):
    return LogPipeline(
        Endpoint.parse(url, None, {}),
        NdjsonFormat(),
        limits=Limits(1_000_000, 1.0, 10_000_000),
        storage=storage,
        clock=SYSTEM_CLOCK,
    )
"""


@pytest.fixture
def pipeline_script() -> str:
    """The beginning of a script for another process: it defines `make_pipeline`."""
    return _PIPELINE_SCRIPT


@pytest.fixture(autouse=True)
def fresh_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets each test hear what an earlier one already heard this minute."""
    monkeypatch.setattr("queue_telemetry._runtime.log._last", {})
