"""The StatsD client: stands in wherever one of the `statsd` package is used, with tags and without surprises."""

import threading
from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from queue_telemetry._runtime import DropReason, register_fork_aware, say
from queue_telemetry.statsd._arguments import check_limits, checked_dialect, checked_port, checked_prefix
from queue_telemetry.statsd._call_names import CallNames
from queue_telemetry.statsd._calls import TaggedCalls
from queue_telemetry.statsd._constant_tags import clean_constant_tags
from queue_telemetry.statsd._dialect import Dialect
from queue_telemetry.statsd._gauge_sums import GaugeSums
from queue_telemetry.statsd._origin import Origin
from queue_telemetry.statsd._outbox import Outbox
from queue_telemetry.statsd._pipeline import Pipeline
from queue_telemetry.statsd._resolver import Resolver
from queue_telemetry.statsd._socket_path import parse_socket_path
from queue_telemetry.statsd._transport import BUSY, SendOutcome, Transport, UdpTransport
from queue_telemetry.statsd._unix_transport import UnixTransport

__all__ = ["Pipeline", "StatsClient"]

_SURE_PAYLOAD_BYTES = (
    508  # RFC 791: any IPv4 path takes 576 with headers, so that the kernel need not be asked
)


class StatsClient(TaggedCalls):
    """A StatsD client over UDP or a Unix socket that never raises, blocks or resolves a name on a caller's thread.

    Every byte passes `_send`, those of calls `_after` before it. Each call is a datagram of its own; a pipeline gathers
    them. A few datagrams wait when the socket is full, for the next call, `advance` or `close`; then the oldest are
    dropped as OVERFLOW. Threads may share the client, and so may forked children: each has a socket and counts of its own.

    Args:
        host: A name or a numeric address. A name is resolved on a thread of its own from the first call on; until
            then lines are dropped as UNRESOLVED.
        port: In 1..65535; digits will do, as in the package.
        prefix: In front of every name, at most 100 characters: one that servers keep as it is. Where a dialect has no
            dashes they become `_`, which is said.
        maxudpsize: The most that a datagram holds, in bytes, in 64..65507. Longer lines are dropped as OVERSIZE. None:
            what the path takes, at most 1432, but on this host what receivers of the dialect take.
        ipv6: Only IPv6 addresses are used; without it whichever the host has, in the resolver's order.
        socket_path: A Unix socket instead of host and port: `/path`, `unix:///path`, `unixgram://` or `unixstream://`.
        dialect: What the receiver understands: `statsd`, `graphite` or `datadog`.
        constant_tags: Tags of every line, where the dialect has tags.
        entity_id: The pod or container it runs in, for a Datadog Agent.
        external_env: The same as Datadog's admission controller says it.

    Raises:
        ConfigurationError: An argument is outside its limits.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int | str = 8125,
        prefix: str | None = None,
        maxudpsize: int | None = None,
        ipv6: bool = False,  # noqa: FBT001, FBT002 - its place in the package
        *,
        socket_path: str | None = None,
        dialect: Dialect | str = "statsd",
        constant_tags: Mapping[str, str] | None = None,
        entity_id: str | None = None,
        external_env: str | None = None,
    ) -> None:
        port = checked_port(port)
        check_limits(host, maxudpsize)
        self._receiver: Final[dict[str, object]] = (
            {"host": host, "port": port} if socket_path is None else {"socket": socket_path}
        )
        self._dialect = dialect = checked_dialect(dialect)
        self._prefix = checked_prefix(prefix, dialect)
        self._set_payload_bytes = maxudpsize
        origin = Origin.of(entity_id, external_env, dialect)
        self._constant_tags: Final = {**clean_constant_tags(constant_tags or {}, dialect), **origin.tags}
        self._fields: Final = origin.fields
        self._names = CallNames(dialect, self._prefix or "", self._constant_tags, origin.fields)
        self._gauges = GaugeSums()
        self._transport: Transport
        self._resolver: Resolver | None = None
        if socket_path is None:
            self._transport = udp = UdpTransport(dialect.local_payload_bytes)
            self._resolver = Resolver(host, port, udp.retarget, ipv6=ipv6)
        else:
            self._transport = UnixTransport(parse_socket_path(socket_path), dialect.local_payload_bytes)
        self._outbox = Outbox(
            lambda data: self._send(data),  # noqa: PLW0108 - looked up at each call: `_send` is there to be replaced
            self._transport,
            self._give_up,
        )
        self._closed = False
        self._begin_process()
        register_fork_aware(self)

    def _begin_process(self) -> None:
        """Make what belongs to one process."""
        self._lock = threading.RLock()  # guards the counts; re-entrant for signal handlers
        self._dropped: dict[str, int] = {}
        self._last_error: DropReason | None = None

    def reset_after_fork(self) -> None:
        """In a forked child: begin anew, with what is set and where the receiver is. Takes no lock."""
        self._begin_process()
        self._outbox.reset_after_fork()
        self._transport.reset_after_fork()
        self._gauges.reset_after_fork()
        if self._resolver is not None:
            self._resolver.reset_after_fork()

    @property
    @override
    def _maxudpsize(self) -> int:
        return self._set_payload_bytes or self._transport.payload_bytes

    @property
    def resolved(self) -> bool:
        """Whether an address is known."""
        return self._transport.has_address

    @property
    def unresolvable(self) -> bool:
        """Whether DNS was asked for the host and no address is known."""
        return self._resolver is not None and self._resolver.has_failed

    @property
    def taken(self) -> int:
        """Datagrams that the kernel has taken: exact also when an exception cut a call short."""
        return self._transport.taken

    @property
    def refuses_late(self) -> bool:
        """Whether a refusal is the answer to a datagram before, which came to nothing too."""
        return self._transport.refuses_late

    def await_address(self, timeout_s: float) -> bool:
        """Wait until an address is known, or the first attempt to find one failed; tell whether one is known."""
        return self._resolver is None or self._resolver.await_answer(timeout_s)

    def advance(self) -> bool:
        """Send what waits for room in the socket; tell whether nothing does any more. Must not block or raise."""
        return self._outbox.advance()

    def stats(self) -> dict[str, object]:
        """Return what was sent, and lines that were not by reason; plain values for JSON."""
        taken = self._transport.total
        with self._lock:
            return {
                **self._receiver,
                "dialect": self._dialect.name,
                "datagrams": taken.datagrams,
                "lines": taken.lines,
                "bytes": taken.size_bytes,
                "datagrams_waiting": len(self._outbox),
                "lines_dropped": dict(self._dropped),
                "last_error": None if self._last_error is None else str(self._last_error),
            }

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket for good. Takes no lock."""
        self._transport.forget()

    @override
    def pipeline(self) -> Pipeline:
        """Return a pipeline that sends through this client."""
        return Pipeline(self)

    @override
    def close(self) -> None:
        """Send what waits if there is room, and close the socket; later calls are counted as CLOSED. Idempotent."""
        self._outbox.advance()
        self._closed = True
        self._outbox.give_up(DropReason.SHUTDOWN)
        if self._resolver is not None:
            self._resolver.stop()
        self._transport.close()

    @override
    def _after(self, data: str | None) -> None:
        if data:
            self._outbox.send(data)

    def _send(self, data: str) -> SendOutcome:
        """Hand one datagram to the kernel; the reason when it was not taken. Must not block and must not raise."""
        outcome = self._offer(data.encode())
        if outcome is not None and outcome is not BUSY:
            self._lose(outcome, data.count("\n") + 1)
        return outcome

    def _offer(self, payload: bytes) -> SendOutcome:
        if self._closed:
            return DropReason.CLOSED
        if self._resolver is not None:
            self._resolver.start()
            if not self._transport.has_address:
                return DropReason.UNRESOLVED
        limit_bytes = self._set_payload_bytes or _SURE_PAYLOAD_BYTES
        if len(payload) > limit_bytes and len(payload) > self._maxudpsize:
            return DropReason.OVERSIZE
        return self._transport.send(payload)

    def _give_up(self, data: str, reason: DropReason) -> None:
        self._lose(reason, data.count("\n") + 1)

    def _lose(self, reason: DropReason, lines: int) -> None:
        self._drop(reason, lines)
        receiver = ":".join(map(str, self._receiver.values()))
        say("statsd_dropped", "Metrics for %s are lost: %s", receiver, reason)

    @override
    def _drop(self, reason: DropReason, lines: int = 1) -> None:
        with self._lock:
            self._last_error = reason
            self._dropped[reason] = self._dropped.get(reason, 0) + lines
