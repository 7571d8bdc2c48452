"""What a logger call takes of its caller's time, by the clock, with a collector that is up, slow, hung or down."""

import socket
import statistics
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import loguru

from benchmarks.http_receiver import MARK, collecting
from benchmarks.table import at_most, print_table
from queue_telemetry import Telemetry

__all__ = ["compare"]

_BUDGET: Final = 1.5  # unchanged, within what two runs with a collector that is up differ by
_PAUSE_S: Final = (
    0.0005  # 2,000 records a second, a busy worker's; without it the caller waits for its own threads
)
_MESSAGE: Final = f"user {{}} {MARK} {{}}"
_DURABILITIES: Final = ("memory", "wal")
_STATES: Final = ("up", "slow", "hung", "down")


def compare(calls: int, rounds: int) -> None:
    """Measure and print the median and the slowest hundredth of the calls, by durability and collector."""
    taken_ns: dict[tuple[str, str], list[list[int]]] = {
        (durability, state): [] for durability in _DURABILITIES for state in _STATES
    }
    with collecting() as url, _closed_port() as closed:
        urls = {"up": f"{url}/logs", "slow": f"{url}/slow", "hung": f"{url}/hung", "down": closed}
        for number in range(rounds):
            for durability, state in list(taken_ns)[:: 1 if number % 2 else -1]:
                taken_ns[durability, state].append(_time_calls(urls[state], durability, calls))
    middle, tail = (
        {
            case: statistics.median(_quantile(times, share) for times in each) / 1_000
            for case, each in taken_ns.items()
        }
        for share in (0.5, 0.99)
    )
    print_table(
        "A logger call by the clock, 2,000 a second: µs, and the slowest hundredth as a multiple of that with it up",
        ("collector", "LOG_DURABILITY", "p50", "p99", "p99 ratio", "budget", ""),
        [
            (
                state,
                durability,
                f"{middle[durability, state]:.0f}",
                f"{tail[durability, state]:.0f}",
                *at_most(tail[durability, state] / tail[durability, "up"], _BUDGET),
            )
            for durability, state in taken_ns
        ],
    )


def _time_calls(url: str, durability: str, calls: int) -> list[int]:
    """Return the nanoseconds that each call took."""
    loguru.logger.remove()
    taken_ns: list[int] = []
    with TemporaryDirectory() as folder:
        telemetry = Telemetry(
            capture_logs=True,
            service="benchmark",
            log_url=url,
            log_durability=durability,
            log_spool_dir=Path(folder, "spool"),
            log_linger_s=0.1,  # so that requests are under way all the time
            task_logs="none",
            state_dir=Path(folder, "state"),
        )
        telemetry.health()  # wakes it
        for number in range(calls):
            began_ns = time.perf_counter_ns()
            loguru.logger.info(_MESSAGE, number, "10.0.0.1")
            taken_ns.append(time.perf_counter_ns() - began_ns)
            time.sleep(_PAUSE_S)
        accepted = telemetry.health().telemetry["logs"]["accepted"]
        telemetry.close(0.1)
    assert isinstance(accepted, int)
    if accepted < calls:
        raise RuntimeError(f"{accepted} of {calls} records were taken")
    return taken_ns


def _quantile(times: list[int], share: float) -> float:
    return sorted(times)[int(share * len(times))]


@contextmanager
def _closed_port() -> Generator[str]:
    """Have a port that nobody listens on and nobody else can take; gives its URL."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/logs"
