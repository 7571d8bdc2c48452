"""An outage behind nginx that is longer than memory: errors go last, the loss is told downstream, the disk carries the rest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_BATCH_BYTES = 8 * 1024
_MEMORY_BYTES = 128 * 1024

Ship = Callable[..., Any]


def test_what_did_not_fit_is_told_once_the_collector_is_back(nginx: Any, ship: Ship) -> None:
    nginx.switch_on(503)
    shipped = ship(
        log_url=nginx.url("switch"),
        log_batch_bytes=_BATCH_BYTES,
        log_max_memory_bytes=_MEMORY_BYTES,
        service="billing",
    )
    shipped.log(2_000)
    shipped.wait_for("retries")
    lost = shipped.logs()["dropped"]["overflow"]
    assert lost > 1_000

    nginx.switch_off(503)
    shipped.deliver()
    account = shipped.deliver()
    # tells at once what was lost after a first record about it, else a minute later
    shipped.telemetry.close(10.0)

    told = [record for record in nginx.stored() if record.get("event") == "telemetry_loss"]
    assert {"overflow": lost} == account["dropped"]
    assert lost == sum(record["dropped"]["overflow"] for record in told)
    assert 1 <= len(told) <= 2
    assert ("WARNING", "billing") == (told[0]["level"], told[0]["service"])
    kept = [record["n"] for record in nginx.stored() if "n" in record]
    missing = sorted(set(range(2_000)) - set(kept))
    assert kept == sorted(set(kept))
    assert lost == len(missing)
    # the oldest that waited: what was being sent just then is older, and stayed; a batch has about thirty of them
    assert missing[-1] + 1 - lost <= 60
    assert told[0]["from"] <= told[0]["to"] <= told[0]["timestamp"]


def test_errors_outlive_what_is_less_severe(nginx: Any, ship: Ship) -> None:
    nginx.switch_on(503)
    shipped = ship(
        log_url=nginx.url("switch"), log_batch_bytes=_BATCH_BYTES, log_max_memory_bytes=_MEMORY_BYTES
    )
    for number in range(3_000):
        logger.bind(n=number).log("ERROR" if number % 50 == 0 else "INFO", "record")
    shipped.wait_for("retries")

    nginx.switch_off(503)
    shipped.deliver()

    kept = {record["n"] for record in nginx.stored() if "n" in record}
    assert set(range(0, 3_000, 50)) <= kept
    assert len(kept) < 1_000


@pytest.mark.parametrize("durability", ["spill", "wal"])
def test_what_memory_cannot_hold_is_carried_by_the_disk(
    nginx: Any, ship: Ship, tmp_path: Path, durability: str
) -> None:
    nginx.switch_on(503)
    shipped = ship(
        log_url=nginx.url("switch"),
        log_batch_bytes=_BATCH_BYTES,
        log_max_memory_bytes=_MEMORY_BYTES,
        log_durability=durability,
        log_spool_dir=str(tmp_path / "spool"),
    )
    for begin in range(0, 3_000, 100):
        shipped.log(100, begin=begin)
        # else it fills so little memory faster than another thread comes to write
        assert shipped.until(lambda: shipped.logs()["pending_bytes"] <= _MEMORY_BYTES // 2)
    shipped.wait_for("retries")

    nginx.switch_off(503)
    account = shipped.deliver()

    assert (3_000, {}) == (account["delivered"], account["dropped"])
    assert list(range(3_000)) == nginx.numbers()


@pytest.mark.parametrize("durability", ["spill", "wal"])
def test_what_is_left_at_the_end_is_delivered_by_the_next_one(
    nginx: Any, ship: Ship, tmp_path: Path, durability: str
) -> None:
    nginx.switch_on(503)
    settings = {
        "log_url": nginx.url("switch"),
        "log_durability": durability,
        "log_spool_dir": str(tmp_path / "spool"),
    }
    first = ship(**settings)
    first.log(500)
    assert not first.telemetry.close(1.0)
    assert (500, {}) == (first.logs()["pending"], first.logs()["dropped"])
    nginx.switch_off(503)

    second = ship(**settings)
    second.log(1)
    assert second.until(lambda: second.logs()["delivered"] == 501), second.logs()

    assert sorted([0, *range(500)]) == sorted(nginx.numbers())
    assert 500 == second.logs()["adopted"]
