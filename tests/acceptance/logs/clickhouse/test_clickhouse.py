"""NDJSON into ClickHouse: every record is one row, once, in the types and characters in which it was logged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_TEXT = 'é "q" \\ \n\t\r\x00\x07\x7f\u2028 \U0001f600 \ufffd'

Ship = Callable[..., Any]


def test_every_record_is_stored_once_in_order(table: Any, ship: Ship) -> None:
    table.create()
    shipped = ship(log_url=table.url(), service="billing", log_batch_bytes=16 * 1024)
    shipped.log(2_000)
    account = shipped.deliver()

    rows = table.rows()
    assert list(range(2_000)) == [row["n"] for row in rows]
    assert 2_000 == len({row["record_id"] for row in rows})
    assert (2_000, {}) == (account["delivered"], account["dropped"])
    assert account["batches"] > 10


def test_types_and_characters_arrive_as_they_were(table: Any, ship: Ship) -> None:
    table.create(f="Float64", ok="UInt8", text="String", absent="Nullable(String)")
    shipped = ship(log_url=table.url(), service="bïlling")

    logger.bind(n=2**32 - 1, f=-1.5e-7, ok=True, text=_TEXT, absent=None).warning(_TEXT)
    shipped.deliver()

    (row,) = table.rows()
    assert (2**32 - 1, -1.5e-7, 1, _TEXT, None) == (row["n"], row["f"], row["ok"], row["text"], row["absent"])
    assert (_TEXT, "WARNING", "bïlling") == (row["message"], row["level"], row["service"])
    assert "test_types_and_characters_arrive_as_they_were" == row["function"]
    assert row["line"] > 0


def test_what_no_encoder_takes_is_stored_readable(table: Any, ship: Ship) -> None:
    table.create(surrogate="String", huge="String")
    shipped = ship(log_url=table.url())

    logger.bind(surrogate="a\ud800b", huge=2**70).info("odd")
    shipped.deliver()

    (row,) = table.rows()
    assert "odd" == row["message"]
    assert str(2**70) == row["huge"]
    assert row["surrogate"].startswith("a")
    assert row["surrogate"].endswith("b")


def test_a_value_that_its_column_cannot_hold_costs_that_record_alone(
    table: Any, ship: Ship, tmp_path: Path
) -> None:
    """ClickHouse refuses the whole body for it; the library finds out which line it was."""
    table.create()
    shipped = ship(log_url=table.url(), log_spool_dir=str(tmp_path / "spool"), log_linger_s=1)
    shipped.log(300)
    logger.bind(n=-1).info("unreadable")
    shipped.log(300)

    account = shipped.deliver()

    stored = [row["n"] for row in table.rows() if row["message"].startswith("record ")]
    assert sorted([*range(300)] * 2) == sorted(stored)
    assert {"dead_lettered": 1} == account["dropped"]
    (letters,) = (tmp_path / "spool").rglob("*dead*")
    (letter,) = map(json.loads, letters.read_text().splitlines())
    assert ("unreadable", -1, 400) == (letter["record"]["message"], letter["record"]["n"], letter["status"])


def test_a_table_that_is_made_later_gets_all(table: Any, ship: Ship) -> None:
    """ClickHouse answers 404 for a table that it does not know: an address that is wrong, so that records wait."""
    shipped = ship(log_url=table.url())
    shipped.log(100)
    shipped.wait_for("retries")
    assert 404 == shipped.logs()["last_status"]

    table.create()
    account = shipped.deliver()

    assert list(range(100)) == [row["n"] for row in table.rows()]
    assert (100, {}) == (account["delivered"], account["dropped"])
