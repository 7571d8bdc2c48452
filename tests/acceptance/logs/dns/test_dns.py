"""A name server that never answers: nobody waits for it, not at a logger call, not at a flush, not at the exit."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_CALL_S = 0.5  # a process is held up by others on its machine, never by the name server's five seconds
_CLOSE_S = 0.5
_SCRIPT = """
import json, sys, time
began_s = time.monotonic()
from loguru import logger
import queue_telemetry as qt
logger.remove()
qt.configure(**json.loads(sys.argv[1]))
slowest_s = 0.0
for number in range(5_000):
    call_s = time.monotonic()
    logger.info("record {}", number)
    slowest_s = max(slowest_s, time.monotonic() - call_s)
flush_s = time.monotonic()
flushed = qt.flush(0.3)
close_s = time.monotonic()
qt.close(float(sys.argv[2]))
end_s = time.monotonic()
logs = qt.health().telemetry["logs"]
print(json.dumps({"slowest_s": slowest_s, "flush_s": close_s - flush_s, "close_s": end_s - close_s, "logs": logs}))
sys.stdout.flush()
"""


@pytest.fixture
def mute_name_server(lacking: Callable[[str], NoReturn], tmp_path: Path) -> Iterator[list[str]]:
    """The beginning of a command whose process alone asks a name server that takes questions and keeps silent."""
    unshare = shutil.which("unshare")
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("nameserver 127.53.53.53\noptions timeout:5 attempts:2\n")
    mounted = f'mount --bind {configuration} /etc/resolv.conf && exec "$@"'
    inside = [unshare or "unshare", "--mount", "sh", "-c", mounted, "sh"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        try:
            listener.bind(("127.53.53.53", 53))
            subprocess.run([*inside, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            lacking(f"no name server can be stood in for: {error}")
        yield inside
        listener.setblocking(False)
        assert b"collector" in listener.recv(512), "it was asked"


def test_nobody_waits_for_a_name_server_that_is_silent(
    mute_name_server: list[str], free_port: Callable[..., int], tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "log_url": "http://collector.example/logs",
        "log_linger_s": 0.02,
        "state_dir": str(tmp_path / "state"),
        "statsd_port": free_port(socket.SOCK_DGRAM),
    }
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    process = subprocess.Popen(
        [*mute_name_server, sys.executable, str(script), json.dumps(settings), str(_CLOSE_S)],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    )

    stdout, _ = process.communicate(timeout=8)  # the name server alone would take ten seconds

    said = json.loads(stdout)
    assert 0 == process.returncode
    assert said["slowest_s"] < _CALL_S
    assert said["flush_s"] < 0.3 + _CALL_S
    assert said["close_s"] < _CLOSE_S + _CALL_S
    assert (5_000, 0, {"shutdown": 5_000}) == (
        said["logs"]["accepted"],
        said["logs"]["pending"],
        said["logs"]["dropped"],
    )
