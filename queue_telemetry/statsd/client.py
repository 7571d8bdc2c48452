"""The StatsD client: stands in wherever one of the `statsd` package is used, with tags and without surprises."""

import threading
from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from queue_telemetry._runtime import DropReason, say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.statsd._call_names import CallNames
from queue_telemetry.statsd._calls import TaggedCalls
from queue_telemetry.statsd._cleaning import clean_name
from queue_telemetry.statsd._dialect import DIALECTS, Dialect
from queue_telemetry.statsd._gauge_sums import GaugeSums
from queue_telemetry.statsd._naming import clean_constant_tags
from queue_telemetry.statsd._origin import Origin
from queue_telemetry.statsd._outbox import Outbox, Outcome
from queue_telemetry.statsd._pipeline import Pipeline
from queue_telemetry.statsd._resolver import Resolver
from queue_telemetry.statsd._socket_path import parse_socket_path
from queue_telemetry.statsd._transport import Transport, UdpTransport
from queue_telemetry.statsd._unix_transport import UnixTransport

__all__ = ["Pipeline", "StatsClient"]

_SMALLEST_PAYLOAD_BYTES = 64
_SURE_PAYLOAD_BYTES = (
    508  # RFC 791: any IPv4 path takes 576 with headers, so that the kernel need not be asked
)
_LARGEST_PAYLOAD_BYTES = 65_507  # 65,535 - 20 (IPv4) - 8 (UDP)
_MAX_PREFIX_CHARS = 100  # half of a name


class StatsClient(TaggedCalls):
    """A StatsD client over UDP or a Unix socket that never raises, blocks or resolves a name on a caller's thread.

    Every byte passes `_after` and `_send`. Each call is a datagram of its own; a pipeline gathers them. A few datagrams
    wait when the socket is full, for the next call, `advance` or `close`; then the oldest are dropped as OVERFLOW.
    Threads may share the client. It is not fork-aware: its owner makes a new one in a child.

    Args:
        host: A name or a numeric address. A name is resolved on a thread of its own from the first call on; until
            then lines are dropped as UNRESOLVED.
        port: In 1..65535.
        prefix: In front of every name.
        max_payload_bytes: The most that a datagram holds, in 64..65507. Longer lines are dropped as OVERSIZE. None:
            what the path takes, 8192 on this host, else at most 1432.
        socket_path: A Unix socket instead of host and port: `/path`, `unix:///path`, `unixgram://` or `unixstream://`.
        dialect: What the receiver understands.
        constant_tags: Tags of every line, where the dialect has tags.
        entity_id: The pod or container it runs in, for a Datadog Agent.
        external_env: The same as Datadog's admission controller says it.

    Raises:
        ConfigurationError: An argument is outside its limits.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 8125,
        prefix: str | None = None,
        max_payload_bytes: int | None = None,
        *,
        socket_path: str | None = None,
        dialect: Dialect = DIALECTS["statsd"],
        constant_tags: Mapping[str, str] | None = None,
        entity_id: str | None = None,
        external_env: str | None = None,
    ) -> None:
        _check(host, port, max_payload_bytes)
        self._receiver: Final[dict[str, object]] = (
            {"host": host, "port": port} if socket_path is None else {"socket": socket_path}
        )
        self._dialect = dialect
        self._prefix = _clean_prefix(prefix, dialect)
        self._max_payload_bytes = max_payload_bytes
        origin = Origin.of(entity_id, external_env, dialect)
        self._constant_tags: Final = {**clean_constant_tags(constant_tags or {}, dialect), **origin.tags}
        self._fields: Final = origin.fields
        self._names = CallNames(dialect, self._prefix or "", self._constant_tags, origin.fields)
        self._gauges = GaugeSums()
        self._transport: Transport
        self._resolver: Resolver | None = None
        if socket_path is None:
            self._transport = udp = UdpTransport()
            self._resolver = Resolver(host, port, udp.retarget)
        else:
            self._transport = UnixTransport(parse_socket_path(socket_path))
        self._outbox = Outbox(self._transport, self._count)
        self._closed = False
        self._lock = threading.RLock()  # guards the counts; re-entrant for signal handlers
        self._datagrams = self._lines = self._bytes = 0
        self._dropped: dict[str, int] = {}
        self._last_error: DropReason | None = None
        self._unsaid: DropReason | None = None

    @property
    @override
    def _maxudpsize(self) -> int:
        return self._max_payload_bytes or self._transport.payload_bytes

    @property
    def resolved(self) -> bool:
        """Whether an address is known."""
        return self._transport.has_address

    def await_address(self, timeout_s: float) -> bool:
        """Wait until an address is known, or the first attempt to find one failed; tell whether one is known."""
        return self._resolver is None or self._resolver.await_answer(timeout_s)

    def advance(self) -> bool:
        """Send what waits for room in the socket; tell whether nothing does any more. Must not block or raise."""
        free = self._outbox.advance()
        self._say_losses()
        return free

    def stats(self) -> dict[str, object]:
        """Return what was sent, and lines that were not by reason; plain values for JSON."""
        with self._lock:
            return {
                **self._receiver,
                "dialect": self._dialect.name,
                "datagrams": self._datagrams,
                "lines": self._lines,
                "bytes": self._bytes,
                "datagrams_waiting": len(self._outbox),
                "lines_dropped": dict(self._dropped),
                "last_error": None if self._last_error is None else str(self._last_error),
            }

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket. Takes no lock, and the client is of no use after."""
        self._transport.forget()

    @override
    def pipeline(self) -> Pipeline:
        """Return a pipeline that sends through this client."""
        return Pipeline(self)

    @override
    def close(self) -> None:
        """Close the socket; later calls are counted as CLOSED. Idempotent."""
        self._closed = True
        if self._resolver is not None:
            self._resolver.stop()
        self._outbox.close()
        self._say_losses()

    @override
    def _after(self, data: str | None) -> Outcome:
        return self._send(data) if data else None

    def _send(self, data: str) -> Outcome:
        """Hand one datagram to the kernel; the reason when it was not taken. Must not block and must not raise."""
        payload = data.encode()
        outcome: Outcome = self._refusal(payload)
        if isinstance(outcome, DropReason):
            self._count(payload, outcome)
        else:
            outcome = self._outbox.send(payload)
        if self._unsaid is not None:
            self._say_losses()
        return outcome

    def _count(self, payload: bytes, reason: DropReason | None) -> None:
        """Count a datagram that was sent, or lost for a reason."""
        lines = payload.count(b"\n") + 1
        with self._lock:
            if reason is None:
                self._datagrams += 1
                self._lines += lines
                self._bytes += len(payload)
            else:
                self._count_dropped(reason, lines)
                self._unsaid = reason

    def _say_losses(self) -> None:
        reason, self._unsaid = self._unsaid, None
        if reason is not None:
            receiver = ":".join(map(str, self._receiver.values()))
            say("statsd_dropped", "Metrics for %s are lost: %s", receiver, reason)

    def _refusal(self, payload: bytes) -> DropReason | None:
        if self._closed:
            return DropReason.CLOSED
        if self._resolver is not None:
            self._resolver.start()
            if not self._transport.has_address:
                return DropReason.UNRESOLVED
        if (
            len(payload) > (self._max_payload_bytes or _SURE_PAYLOAD_BYTES)
            and len(payload) > self._maxudpsize
        ):
            return DropReason.OVERSIZE
        return None

    @override
    def _drop(self, reason: DropReason) -> None:
        with self._lock:
            self._count_dropped(reason, 1)

    def _count_dropped(self, reason: DropReason, lines: int) -> None:
        self._last_error = reason
        self._dropped[reason] = self._dropped.get(reason, 0) + lines


def _check(host: str, port: int, max_payload_bytes: int | None) -> None:
    if not host or not host.isprintable() or " " in host:
        raise ConfigurationError(f"STATSD_HOST is {host!r}; it must be a host name or an IP address")
    if not 1 <= port <= 65_535:
        raise ConfigurationError(f"STATSD_PORT is {port}; it must be in 1..65535")
    size_bytes = _SMALLEST_PAYLOAD_BYTES if max_payload_bytes is None else max_payload_bytes
    if not _SMALLEST_PAYLOAD_BYTES <= size_bytes <= _LARGEST_PAYLOAD_BYTES:
        raise ConfigurationError(
            f"STATSD_MAX_PAYLOAD_BYTES is {max_payload_bytes}; it must be in "
            f"{_SMALLEST_PAYLOAD_BYTES}..{_LARGEST_PAYLOAD_BYTES}"
        )


def _clean_prefix(prefix: str | None, dialect: Dialect) -> str | None:
    if not prefix:
        return None
    clean = clean_name(prefix, dialect)
    if not clean or len(clean) > _MAX_PREFIX_CHARS:
        raise ConfigurationError(
            f"STATSD_PREFIX is {prefix!r}; it must be a dotted name of at most {_MAX_PREFIX_CHARS} characters"
        )
    return clean
