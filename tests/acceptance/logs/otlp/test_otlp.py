"""OTLP/HTTP: what two receivers decode is what was logged, and the official schema has nothing to say against it."""

from collections.abc import Callable
from typing import Any

import pytest
from loguru import logger

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_TEXT = 'é "q" \\ \n\t\r\x00\x07\x7f\u2028 \U0001f600 \ufffd'
_SEVERITIES = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "SUCCESS": 10, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}

Ship = Callable[..., Any]


def test_rotel_decodes_every_record_once_in_order(rotel: Any, ship: Ship, until: Callable[..., Any]) -> None:
    shipped = ship(log_url=rotel.url, log_format="otlp", service="billing", log_batch_bytes=64 * 1024)
    shipped.log(1_000, text=" é😀", queue="mail")
    account = shipped.deliver()

    assert until(lambda: len(rotel.records()) >= 1_000)
    records = rotel.records()
    assert [f"Int({number})" for number in range(1_000)] == [record["n"] for record in records]
    assert [f"Str(record {number} é😀)" for number in range(1_000)] == [record["Body"] for record in records]
    assert {"Str(billing)"} == {record["service.name"] for record in records}
    assert {"Str(mail)"} == {record["queue"] for record in records}
    assert all(int(record["Timestamp"]) > 1_700_000_000 * 10**9 for record in records)
    assert (1_000, {}) == (account["delivered"], account["dropped"])
    assert account["batches"] > 1


def test_rotel_sees_each_level_as_its_severity(rotel: Any, ship: Ship, until: Callable[..., Any]) -> None:
    shipped = ship(log_url=rotel.url, log_format="otlp", log_level="TRACE")
    for level in _SEVERITIES:
        logger.log(level, "said")
    shipped.deliver()

    assert until(lambda: len(rotel.records()) == len(_SEVERITIES))
    seen = {record["SeverityText"]: record["SeverityNumber"] for record in rotel.records()}
    assert _SEVERITIES == {text: int(number.partition("(")[2][:-1]) for text, number in seen.items()}


def test_the_schema_reads_every_body(ddapm: Any, ship: Ship) -> None:
    shipped = ship(log_url=ddapm.url, log_format="otlp", service="billing", log_batch_bytes=64 * 1024)
    shipped.log(1_000)
    shipped.deliver()

    requests = ddapm.requests()
    assert [] == [fault for request in requests for fault in request["faults"]]
    records = [record for request in requests for record in request["records"]]
    assert list(range(1_000)) == [record["n"] for record in records]
    assert [f"record {number}" for number in range(1_000)] == [record["body"] for record in records]
    assert 1_000 == len({record["record_id"] for record in records})
    assert {"billing"} == {record["service.name"] for record in records}
    assert {"application/json"} == {headers["content-type"] for headers in ddapm.headers()}
    assert {"gzip"} == {headers["content-encoding"] for headers in ddapm.headers()}


def test_the_schema_reads_values_as_they_were_logged(ddapm: Any, ship: Ship) -> None:
    values = {
        "whole": -(2**63),
        "real": -1.5e-7,
        "yes": True,
        "text": _TEXT,
        "list": [1, "two", 3.5, False, [4]],
        "tree": {"a": {"b": [1]}, "é": _TEXT},
        "empty_list": [],
        "empty_tree": {},
    }
    shipped = ship(log_url=ddapm.url, log_format="otlp")
    logger.bind(**values).warning(_TEXT)
    shipped.deliver()

    (request,) = ddapm.requests()
    assert [] == request["faults"]
    (record,) = request["records"]
    assert values == {key: record[key] for key in values}
    assert _TEXT == record["body"]
    assert [13, "WARNING"] == record["severity"]


def test_the_schema_reads_what_no_encoder_takes(ddapm: Any, ship: Ship) -> None:
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    odd = {
        "surrogate": "a\ud800b",
        "huge": 2**70,
        "beyond": 2**63,
        "nothing": float("nan"),
        "endless": float("inf"),
        "cycle": cycle,
        "keys": {("a", 1): 1, None: 2},
        "raw": b"\xff",
    }
    shipped = ship(log_url=ddapm.url, log_format="otlp")
    for key, value in odd.items():
        logger.bind(**{key: value}).info(key)
    account = shipped.deliver()

    requests = ddapm.requests()
    assert [] == [fault for request in requests for fault in request["faults"]]
    assert list(odd) == [record["body"] for request in requests for record in request["records"]]
    assert (len(odd), {}) == (account["delivered"], account["dropped"])


def test_the_schema_reads_exceptions(ddapm: Any, ship: Ship) -> None:
    shipped = ship(log_url=ddapm.url, log_format="otlp")
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ExceptionGroup("outer", [ValueError("é😀"), inner]) from inner
    except ExceptionGroup:
        logger.exception("failed")
    shipped.deliver()

    (request,) = ddapm.requests()
    assert [] == request["faults"]
    (record,) = request["records"]
    told = str(record)
    assert "ExceptionGroup" in told
    assert "KeyError" in told
