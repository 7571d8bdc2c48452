"""The probe command, against processes that tell of themselves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_PROCESS = """
import os, signal, sys
import queue_telemetry as qt

@qt.task("work")
def work():
    pass

for _ in range(3): work()
with qt.worker("w"):
    if "draining" in sys.argv: qt.drain()
    if "beaten" in sys.argv:
        with qt.claim("mail"): pass
    qt.flush()
    print(flush=True)
    signal.pause()
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def start(environment: Mapping[str, str], state: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    running: list[subprocess.Popen[bytes]] = []

    def one(*arguments: str, **settings: str) -> "subprocess.Popen[bytes]":
        given = {"state_dir": str(state), "statsd_port": "9", **settings}
        variables = {f"QUEUE_TELEMETRY_{name.upper()}": value for name, value in given.items()}
        process = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, *arguments],
            env={**environment, **variables},
            stdout=subprocess.PIPE,
        )
        running.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield one
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def probe(python: Run) -> Run:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return python("-m", "queue_telemetry.cli", "health", *arguments)

    return run


def test_all_is_well(start: Callable[..., object], probe: Run, state: Path) -> None:
    start(), start()

    for question in ((), ("--live",), ("--ready",)):
        done = probe("--state-dir", str(state), *question)
        assert (0, "healthy (2 processes, 2 workers, 0 tasks in flight)\n", "") == (
            done.returncode,
            done.stdout,
            done.stderr,
        )


def test_the_whole_report_is_json(start: Callable[..., object], probe: Run, state: Path) -> None:
    start(), start()

    done = probe("--state-dir", str(state), "--json")

    report = json.loads(done.stdout)
    assert (0, "") == (done.returncode, done.stderr)
    assert ("healthy", 2, 6, 2) == (
        report["status"],
        report["processes"],
        report["completed_1h"],
        report["active_workers"],
    )


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_what_is_asked_decides(
    start: Callable[..., object], probe: Run, state: Path, as_json: tuple[str, ...]
) -> None:
    """One that drains is live and not ready."""
    start("draining")

    codes = [
        probe("--state-dir", str(state), *question, *as_json).returncode
        for question in ((), ("--live",), ("--ready",))
    ]

    assert [1, 0, 1] == codes


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_worker_that_is_silent_is_not_live(
    start: Callable[..., object], probe: Run, state: Path, as_json: tuple[str, ...]
) -> None:
    start("beaten", health_heartbeat_max_age_s="0.001")

    done = probe("--state-dir", str(state), "--live", *as_json)

    assert 1 == done.returncode
    assert "heartbeat_stale" in done.stdout


def test_who_is_killed_counts_no_more(
    start: Callable[..., "subprocess.Popen[bytes]"], probe: Run, state: Path
) -> None:
    start()
    killed = start()
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)

    assert "healthy (1 processes" in probe("--state-dir", str(state)).stdout


def test_nobody_is_not_well(start: Callable[..., "subprocess.Popen[bytes]"], probe: Run, state: Path) -> None:
    process = start()
    process.kill()
    process.wait(10)

    done = probe("--state-dir", str(state), "--live")
    whole = probe("--state-dir", str(state), "--json")

    assert (1, "", f"queue-telemetry: no process found: in {state}\n") == (
        done.returncode,
        done.stdout,
        done.stderr,
    )
    assert (1, {"status": "unhealthy", "live": False, "ready": False, "processes": 0}) == (
        whole.returncode,
        json.loads(whole.stdout),
    )


def test_no_folder_is_nobody_and_stays_none(probe: Run, state: Path) -> None:
    done = probe("--state-dir", str(state))

    assert (1, f"queue-telemetry: no process found: there is no {state}\n") == (done.returncode, done.stderr)
    assert not state.exists()


def test_a_folder_that_is_not_to_be_trusted_cannot_tell(probe: Run, state: Path) -> None:
    state.mkdir()
    state.chmod(0o755)

    done = probe("--state-dir", str(state))

    assert 2 == done.returncode
    assert "the state folder cannot be used" in done.stderr


def test_the_only_service_need_not_be_named(start: Callable[..., object], probe: Run, state: Path) -> None:
    start(service="billing")

    assert "1 processes" in probe("--state-dir", str(state)).stdout
    assert "1 processes" in probe("--state-dir", str(state), "--service", "billing").stdout
    assert 1 == probe("--state-dir", str(state), "--service", "other").returncode


def test_of_several_services_one_has_to_be_named(
    start: Callable[..., object], probe: Run, state: Path
) -> None:
    start(service="billing"), start(service="shipping")

    done = probe("--state-dir", str(state))

    assert (2, "queue-telemetry: say which service: --service billing | shipping\n") == (
        done.returncode,
        done.stderr,
    )
    assert 0 == probe("--state-dir", str(state), "--service", "shipping").returncode


def test_the_environment_says_where_and_whose(
    start: Callable[..., object], environment: dict[str, str], probe: Run, state: Path
) -> None:
    start(service="billing"), start(service="shipping")
    environment |= {"QUEUE_TELEMETRY_STATE_DIR": str(state), "DD_SERVICE": "shipping"}
    assert 0 == probe().returncode

    environment["QUEUE_TELEMETRY_SERVICE"] = "other"
    assert 1 == probe().returncode
    assert 0 == probe("--service", "billing").returncode


def test_without_a_word_it_looks_where_processes_are_by_default(
    start: Callable[..., object], environment: Mapping[str, str], probe: Run, tmp_path: Path
) -> None:
    start(state_dir=str(tmp_path / f"queue_telemetry-{os.geteuid()}"))  # TMPDIR is the test's own

    assert 0 == probe().returncode


@pytest.mark.parametrize("arguments", [("--live", "--ready"), ("--nonsense",), ("extra",)])
def test_what_cannot_be_read_ends_with_2(probe: Run, arguments: tuple[str, ...]) -> None:
    done = probe(*arguments)

    assert 2 == done.returncode
    assert "usage: queue-telemetry" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "more"),
    [((), {"queue_telemetry.metrics", "queue_telemetry._runtime", "logging"}), (("--json",), set())],
)
def test_it_loads_no_application_and_little_else(
    start: Callable[..., object], python: Run, state: Path, arguments: tuple[str, ...], more: set[str]
) -> None:
    start()
    banned = {
        "pydantic",
        "httpx",
        "loguru",
        "rich",
        "statsd",
        "asyncio",
        "http.server",
        "queue_telemetry.api",
        *more,
    }
    script = (
        "import sys; from queue_telemetry.cli import main\n"
        f"code = main(['health', '--state-dir', {str(state)!r}, *{list(arguments)!r}])\n"
        f"print(code, sorted({banned!r} & set(sys.modules)))"
    )

    assert "0 []" == python("-c", script).stdout.splitlines()[-1]
