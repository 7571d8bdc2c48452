import select
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

_HOLDER = """
import sys
from pathlib import Path
from queue_telemetry.processes import acquire

slot = acquire(Path(sys.argv[1]))
print(slot.number if slot else None, flush=True)
sys.stdin.read()
"""


class Holder:
    """Another process that holds a slot until it is let go or killed."""

    def __init__(self, state_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(state_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def number(self) -> int:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 15)[0], "the holder said nothing"
        return int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def end(self) -> None:
        self.process.communicate(timeout=10)


@pytest.fixture
def hold(tmp_path: Path) -> Generator[Callable[[], Holder]]:
    holders: list[Holder] = []

    def start() -> Holder:
        holders.append(Holder(tmp_path))
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()
        for stream in (holder.process.stdin, holder.process.stdout):
            if stream is not None:
                stream.close()
