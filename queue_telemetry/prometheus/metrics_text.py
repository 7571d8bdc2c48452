"""The text of `/metrics`, where `prometheus_client` is installed."""

from collections.abc import Callable, Sequence
from typing import Protocol

from queue_telemetry.prometheus.families import Family, families
from queue_telemetry.prometheus.scrape import Scrape

__all__ = ["MetricsText"]


class _Expose(Protocol):
    def __call__(self, families: Sequence[Family], *, open_metrics: bool) -> tuple[bytes, str]: ...


class MetricsText:
    """Writes one scrape after another.

    Args:
        scrape: Tells what there is to show now.
    """

    def __init__(self, scrape: Callable[[], Scrape]) -> None:
        self._scrape = scrape
        self._expose: _Expose | None = None

    def load(self) -> None:
        """Import `prometheus_client`, if it is installed.

        To be called by the application's own thread, before any scrape: a fork during an import on a thread of ours would
        leave the child waiting for that import for ever.
        """
        if self._expose is None:
            try:
                from queue_telemetry.prometheus._exposition import expose  # noqa: PLC0415 - an optional dependency
            except ImportError:
                return
            self._expose = expose

    def __call__(self, open_metrics: bool) -> tuple[bytes, str] | None:  # noqa: FBT001 - the form is all there is to say
        """Return the text and its content type; None without `prometheus_client`."""
        if self._expose is None:
            return None
        return self._expose(families(self._scrape()), open_metrics=open_metrics)
