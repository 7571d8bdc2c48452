"""A small server for probes: HTTP, and HAProxy's agent-check, on one thread that no client can hold up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from queue_telemetry._runtime import BackgroundLoop, say
from queue_telemetry.healthcheck._answer import Probes
from queue_telemetry.healthcheck._http import respond
from queue_telemetry.healthcheck._listener import Listener
from queue_telemetry.healthcheck._serving import Serving
from queue_telemetry.healthcheck.agent_check import agent_line

__all__ = ["HealthServer", "ServerAddress"]

_TRY_AGAIN_S: Final = 1.0  # a port is taken over before load balancers have given up on it
_LONGEST_WAIT_S: Final = 60.0
_SETTINGS: Final = {"http": "HEALTH_PORT", "agent": "HEALTH_AGENT_PORT"}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where to serve what.

    Attributes:
        host: The address to listen on, or a name of one.
        port: For HTTP; 0 for one that the system chooses, None for no HTTP.
        agent_port: For the agent-check; 0 and None as above.
    """

    host: str
    port: int | None
    agent_port: int | None


class HealthServer:
    """Serves the probes from a thread of its own, from `start()` until `close()`.

    One request a connection, one thread for all: an answer takes less than a millisecond, and nothing waits for a client.
    A port that another process has is tried again each second, so that of many processes one serves, and another when that
    one is gone.

    Not fork-aware itself: a child calls `forget()` on its parent's, and makes its own.

    Args:
        probes: Answer the requests, on this server's thread.
        address: Where to serve.
        may_serve: Tells whether this process is the one to serve; asked before each try, on this server's thread.
        leave: Leaves that to others; called after the ports are closed, when `may_serve` is asked no more.
    """

    def __init__(
        self,
        probes: Probes,
        address: ServerAddress,
        *,
        may_serve: Callable[[], bool] = lambda: True,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.address = address
        self._probes = probes
        self._may_serve = may_serve
        self._leave = leave
        ports = {
            "http": (address.port, lambda received: respond(probes, received)),
            "agent": (address.agent_port, lambda _: self._agent_line()),
        }
        self._listeners = {
            name: Listener(_SETTINGS[name], address.host, port, answer)
            for name, (port, answer) in ports.items()
            if port is not None
        }
        self._serving: Serving | None = None
        self._loop = BackgroundLoop("queue_telemetry-health", self._step)
        self._try_again_at_s = float("-inf")
        self._is_closing = False

    def start(self) -> bool:
        """Start the thread, which opens the ports; False when the process can have no more threads. Idempotent."""
        return self._loop.alive or self._loop.start()

    def stats(self) -> dict[str, object]:
        """Return where it listens, None for what it cannot, and what became of the connections."""
        serving = self._serving
        return {
            **{name: listener.address for name, listener in self._listeners.items()},
            "answered": 0 if serving is None else serving.answered,
            "cut": 0 if serving is None else serving.cut,
            "failures": sum(listener.failures for listener in self._listeners.values()),
        }

    def close(self, timeout_s: float) -> bool:
        """Close the ports and cut the connections; False when the thread, at a report, did not end in time."""
        self._is_closing = True  # first: the thread looks at it after it made what can be woken
        if self._serving is not None:
            self._serving.wake()
        ended = self._loop.stop(timeout_s)
        if ended:  # else the thread does it at the end of its step
            self._end()
        return ended

    def forget(self) -> None:
        """Close every socket: in a forked child, its copies of the parent's. Must not block or raise."""
        for listener in self._listeners.values():
            listener.close()
        if self._serving is not None:
            self._serving.close()

    def _step(self) -> float:
        try:
            return _LONGEST_WAIT_S if self._is_closing else self._serve()
        finally:
            if self._is_closing:  # it may have come to that meanwhile
                self._end()

    def _end(self) -> None:
        self.forget()
        self._leave()

    def _serve(self) -> float:
        missing = [one for one in self._listeners.values() if one.socket is None]
        if missing and time.monotonic() >= self._try_again_at_s:
            self._try_again_at_s = time.monotonic() + _TRY_AGAIN_S
            self._open(missing)
            missing = [one for one in missing if one.socket is None]
        if self._is_closing or len(missing) == len(self._listeners) or self._serving is None:
            return _TRY_AGAIN_S
        self._serving.serve(_TRY_AGAIN_S if missing else _LONGEST_WAIT_S)
        return 0.0

    def _open(self, missing: list[Listener]) -> None:
        if self._may_serve():
            if self._serving is None:
                self._serving = Serving()
            for listener in missing:
                if listener.open():
                    self._serving.add(listener)

    def _agent_line(self) -> bytes:
        try:
            return agent_line(self._probes.report())
        except Exception as error:  # noqa: BLE001 - the application's probes and values run inside
            say("health_report", "the report for the agent-check failed with %s", type(error).__name__)
            return b"down #report_failed\n"
