"""gunicorn loads the application, forks eight workers, and loses three: the probes tell the truth at each step."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_TABLE = "what was told of gunicorn, preloaded, with eight workers"
_KEYS = ("status", "processes", "in_flight", "completed_1h", "failed_tasks_1h")

Ask = Callable[..., tuple[int, str]]
Until = Callable[..., Any]


@dataclass
class Pool:
    """The master and its workers; each that is asked answers for all."""

    url: str
    folder: Path
    state: Path
    environment: dict[str, str]
    ask: Ask
    until: Until
    all_agree: Callable[[Callable[[], bool]], bool]
    note: Callable[..., None]

    def healthz(self) -> dict[str, Any]:
        """Ask whichever worker takes the request."""
        report: dict[str, Any] = json.loads(self.ask(f"{self.url}/ops/healthz")[1])
        return report

    def probe(self) -> dict[str, Any]:
        """Ask the command."""
        command = [
            sys.executable,
            "-m",
            "queue_telemetry.cli",
            "health",
            "--json",
            "--state-dir",
            str(self.state),
        ]
        said = subprocess.run(command, capture_output=True, check=False, env=self.environment, timeout=20)
        report: dict[str, Any] = json.loads(said.stdout)
        return report

    def step(self, what: str, **expected: object) -> None:
        """Wait until all of them say so, and the command too."""

        def is_right(ask_it: Callable[[], dict[str, Any]]) -> bool:
            return expected.items() <= ask_it().items()

        self.until(lambda: self.all_agree(partial(is_right, self.healthz)))
        self.until(partial(is_right, self.probe))
        for who, ask_it in (("GET /ops/healthz", self.healthz), ("queue-telemetry health", self.probe)):
            report = ask_it()
            self.note(_TABLE, what, who, *(report[key] for key in _KEYS))
            assert expected == {key: report[key] for key in expected}, who

    def work(self, times: int) -> None:
        assert [(200, "done")] * times == [self.ask(f"{self.url}/work") for _ in range(times)]

    def hanging(self) -> list[int]:
        """Return the processes that have a task which does not end."""
        return [int(path.name.removeprefix("hanging-")) for path in self.folder.glob("hanging-*")]


@pytest.fixture
def pool(
    serve: Callable[..., tuple[Any, str]],
    ask: Ask,
    until: Until,
    all_agree: Callable[[Callable[[], bool]], bool],
    note: Callable[..., None],
    state: Path,
    clean_environment: dict[str, str],
) -> Pool:
    arguments = ("--preload", "--workers=8", "--timeout=80", "--bind=127.0.0.1:{port}", "app:wsgi")
    server, url = serve("gunicorn", *arguments)
    note(_TABLE, "step", "who", *_KEYS)
    return Pool(url, server.log.parent, state, clean_environment, ask, until, all_agree, note)


def test_a_pool_of_eight_of_which_three_are_killed(pool: Pool, ask: Ask, until: Until) -> None:
    pool.work(80)
    pool.step("80 tasks done", in_flight=0, completed_1h=80, failed_tasks_1h=0)

    threads = [threading.Thread(target=_ask_in_vain, args=(ask, f"{pool.url}/hang")) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert until(lambda: len(pool.hanging()) == 3)
    pool.step("3 tasks in flight", in_flight=3, completed_1h=80, failed_tasks_1h=0)

    for pid in pool.hanging():
        os.kill(pid, signal.SIGKILL)
    for thread in threads:
        thread.join(10)
    pool.step("these 3 killed", in_flight=0, completed_1h=80, failed_tasks_1h=3)

    pool.work(20)
    pool.step("20 tasks more", in_flight=0, completed_1h=100, failed_tasks_1h=3)
    assert 200 == ask(f"{pool.url}/ops/livez")[0] == ask(f"{pool.url}/ops/readyz")[0]
    _, metrics = ask(f"{pool.url}/ops/metrics")
    assert 'queue_tasks_completed_total{queue="web",type="work"} 100.0' in metrics
    assert 'queue_tasks_failed_total{queue="web",reason="lost",type="hang"} 3.0' in metrics


def _ask_in_vain(ask: Ask, url: str) -> None:
    """The worker dies, and the connection with it."""
    with pytest.raises(OSError):
        ask(url)
