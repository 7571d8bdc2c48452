"""Where probes and scrapes come in: the applications to be mounted, and the server of their own."""

from collections.abc import Callable
from wsgiref.types import WSGIApplication

from queue_telemetry.healthcheck import (
    ASGIApplication,
    HealthReport,
    HealthServer,
    Probes,
    ServerAddress,
    make_asgi_app,
    make_wsgi_app,
)
from queue_telemetry.processes import Ownership, private_dir
from queue_telemetry.prometheus import MetricsText, Scrape
from queue_telemetry.settings import Settings

__all__ = ["Doors"]

_REPLACED_S = (
    0.0  # a server that is replaced ends by itself: its thread may wait for the lock that is held meanwhile
)


class Doors:
    """Answers for one telemetry.

    `prometheus_client` is imported when an application is asked for, or before a server starts: then, on a thread of the
    application, somebody wants it; later would be on a thread of ours.

    Args:
        report: Makes the report of now.
        scrape: Makes what `/metrics` shows now.
        settings: Tells the settings in force; None before they were read.
        verdict: Makes the report of now without counts, at less cost.
    """

    def __init__(
        self,
        report: Callable[[], HealthReport],
        scrape: Callable[[], Scrape],
        settings: Callable[[], Settings | None],
        verdict: Callable[[], HealthReport],
    ) -> None:
        self._settings = settings
        self._metrics = MetricsText(scrape)
        self._probes = Probes(report, self._metrics, self._token, verdict)
        self._wsgi_app = make_wsgi_app(self._probes)
        self._asgi_app = make_asgi_app(self._probes)
        self._server: HealthServer | None = None
        self._ownership: Ownership | None = None
        self._is_invited = False

    @property
    def wsgi_app(self) -> WSGIApplication:
        """The probes as a WSGI application, always the same."""
        self._metrics.load()
        return self._wsgi_app

    @property
    def asgi_app(self) -> ASGIApplication:
        """The probes as an ASGI application, always the same."""
        self._metrics.load()
        return self._asgi_app

    def invite(self) -> None:
        """Have this very process serve, for all of its kind."""
        self._is_invited = True

    def open(self, settings: Settings) -> None:
        """Serve where the settings say, if they do; the same server as before when that has not changed.

        With a process for each job, only the one that called `configure()` does: the end of the others would cut off
        whoever asks.
        """
        address = _address(settings)
        if settings.flush_each_task and not self._is_invited:
            address = None
        server = self._server
        if server is not None and server.address != address:
            self.close(_REPLACED_S)
            server = None
        if server is None and address is not None:
            self._metrics.load()
            duty = f"probes {address.host} {address.port} {address.agent_port} {settings.service}"
            self._ownership = Ownership(private_dir(settings.state_dir), duty)
            self._server = HealthServer(
                self._probes, address, may_serve=self._ownership.take, leave=self._ownership.release
            )
        self.tick()

    def tick(self) -> None:
        """Start the server's thread where that was not possible before."""
        server = self._server  # another thread may close it meanwhile
        if server is not None:
            server.start()

    def close(self, timeout_s: float) -> None:
        """Stop serving."""
        server, self._server = self._server, None
        if server is not None:
            server.close(timeout_s)

    def forget(self) -> None:
        """Let go of the parent's server and sockets, in a forked child. Must not block or raise."""
        server, self._server, self._is_invited = self._server, None, False
        if server is not None:
            server.forget()
        if self._ownership is not None:
            self._ownership.forget()

    def stats(self) -> dict[str, object]:
        """Return what the server does; empty without one."""
        return {} if self._server is None else self._server.stats()

    def _token(self) -> str | None:
        settings = self._settings()
        if settings is None or settings.health_token is None:
            return None
        return settings.health_token.get_secret_value()


def _address(settings: Settings) -> ServerAddress | None:
    if settings.health_port is None and settings.health_agent_port is None:
        return None
    return ServerAddress(settings.health_host, settings.health_port, settings.health_agent_port)
