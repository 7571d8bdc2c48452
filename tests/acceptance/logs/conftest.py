"""Telemetry that ships to a log collector, and what became of its records by its own account."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from queue_telemetry import Telemetry
from queue_telemetry._runtime import log


@dataclass
class Shipped:
    """A telemetry whose logs go to a server, and what became of them by its own account."""

    telemetry: Telemetry
    until: Callable[..., Any]

    def log(self, count: int, text: str = "", *, begin: int = 0, **fields: object) -> None:
        """Log *count* records through loguru, numbered from *begin* by the key `n`."""
        for number in range(begin, begin + count):
            logger.bind(n=number, **fields).info("record {}{}", number, text)

    def logs(self) -> dict[str, Any]:
        """Read the account; it has to be balanced at any moment."""
        logs: dict[str, Any] = dict(self.telemetry.health().telemetry["logs"])
        given_up = sum(logs["dropped"].values())
        assert logs["accepted"] + logs.get("adopted", 0) == logs["delivered"] + given_up + logs["pending"]
        assert logs["pending"] >= 0
        return logs

    def deliver(self, timeout_s: float = 20.0) -> dict[str, Any]:
        """Flush until nothing is pending; return the account."""
        assert self.until(lambda: self.telemetry.flush(0.5), timeout_s), self.logs()
        return self.logs()

    def wait_for(self, key: str, least: int = 1) -> dict[str, Any]:
        """Wait until the account's number under *key* is at least that; return the account."""
        assert self.until(lambda: self.logs()[key] >= least), self.logs()
        return self.logs()


@pytest.fixture(autouse=True)
def _fresh_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test hears its own warnings."""
    monkeypatch.setattr(log, "_last", {})


@pytest.fixture
def ship(
    tmp_path: Path, until: Callable[..., Any], free_port: Callable[..., int]
) -> Iterator[Callable[..., Shipped]]:
    """Return a telemetry that ships every loguru record with these settings; it ends with the test."""
    with ExitStack() as stack:

        def make(**settings: object) -> Shipped:
            usual: dict[str, object] = {
                "log_linger_s": 0.05,
                "state_dir": str(tmp_path / "state"),
                "statsd_port": free_port(socket.SOCK_DGRAM),
            }
            telemetry = Telemetry(capture_logs=True, **{**usual, **settings})
            stack.callback(telemetry.close, 2.0)
            telemetry.counter("awake").increment()  # its first event adds the sink
            return Shipped(telemetry, until)

        yield make
