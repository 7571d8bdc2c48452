import select
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from queue_telemetry.processes import Life, acquire

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


class Teller:
    """A life in this process that tells of itself as one in another process would."""

    def __init__(self, state_dir: Path, service: str | None) -> None:
        slot = acquire(state_dir)
        assert slot is not None
        self.slot = slot
        self.life = Life(service)

    def tell(self, body: bytes, *, ended: bool = False, now_s: float = 1.0) -> "Teller":
        assert self.life.publish(self.slot, {}, body, now_s=now_s, ended=ended)
        return self

    def die(self) -> "Teller":
        """Let go of the slot as a killed process does, whose files stay."""
        self.slot.close()
        return self


@pytest.fixture
def tell(tmp_path: Path) -> Generator[Callable[..., Teller]]:
    tellers: list[Teller] = []

    def begin(body: bytes, service: str | None = "billing") -> Teller:
        tellers.append(Teller(tmp_path, service))
        return tellers[-1].tell(body)

    yield begin
    for teller in tellers:
        teller.slot.close()
