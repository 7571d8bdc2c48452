"""A proxy that is killed and comes back again and again while threads log: everything arrives, and little of it twice."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_THREADS = 4
_RECORDS = 5_000
_KILLS = 8
_BATCH_BYTES = 16 * 1024
_LEAST_RECORD_BYTES = 250

Ship = Callable[..., Any]


@pytest.mark.parametrize("durability", ["memory", "spill", "wal"])
def test_everything_arrives_while_the_way_there_comes_and_goes(
    haproxy: Any, ship: Ship, tmp_path: Path, durability: str
) -> None:
    storage = {"log_spool_dir": str(tmp_path / "spool"), "log_durability": durability}
    shipped = ship(log_url=haproxy.url("steady"), log_linger_s=0.01, log_batch_bytes=_BATCH_BYTES, **storage)
    pause = threading.Event()

    def work(thread: int) -> None:
        for number in range(_RECORDS):
            logger.bind(n=number, worker=thread).info("record {}", number)
            if number % 50 == 0:
                pause.wait(0.01)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for _ in range(_KILLS):
        pause.wait(0.1)
        haproxy.kill()
        pause.wait(0.1)
        haproxy.come_back()
        shipped.logs()
    for thread in threads:
        thread.join()
    account = shipped.deliver(40.0)

    arrived = Counter((record["worker"], record["n"]) for record in haproxy.behind.records)
    for worker in range(_THREADS):
        assert list(range(_RECORDS)) == [number for one, number in arrived if one == worker], "in order"
    assert (_THREADS * _RECORDS, {}) == (account["delivered"], account["dropped"])
    assert sum(arrived.values()) - len(arrived) <= _KILLS * _BATCH_BYTES / _LEAST_RECORD_BYTES
    assert account["retries"] > 0
