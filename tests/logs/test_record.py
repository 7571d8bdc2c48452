"""The flat record: the library's keys, the task's, the user's, and who wins."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from loguru import logger

from queue_telemetry.logs import RecordBuilder, Redactor
from queue_telemetry.logs._encoder import encode


class Caught:
    """Keeps what loguru hands to a sink."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def write(self, message: Any) -> None:
        self.messages.append(message)


@pytest.fixture
def caught() -> Any:
    sink = Caught()
    handler = logger.add(sink, format="", level=0, backtrace=False, diagnose=False)
    yield sink
    logger.remove(handler)


def _build(
    message: Any, context: Mapping[str, object] | None = None, **constants: object
) -> dict[str, object]:
    return RecordBuilder(constants, lambda: context or {}, Redactor()).build(message.record)


def test_the_record_is_flat_and_complete(caught: Caught) -> None:
    logger.bind(rows=3).info("done {}", 1)

    record = _build(caught.messages[0], {"task_id": "7", "queue": "mail"}, service="billing", host="h1")

    stamp, identity, line = record.pop("timestamp"), record.pop("record_id"), record.pop("line")
    assert isinstance(stamp, str)
    assert isinstance(identity, str)
    assert isinstance(line, int)
    assert {
        "level": "INFO",
        "message": "done 1",
        "service": "billing",
        "host": "h1",
        "pid": os.getpid(),
        "thread": "MainThread",
        "logger": __name__,
        "function": "test_the_record_is_flat_and_complete",
        "task_id": "7",
        "queue": "mail",
        "rows": 3,
    } == record


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2025, 11, 5, 10, 15, 30, 123456, UTC), "2025-11-05T10:15:30.123456Z"),
        (datetime(2025, 11, 5, 10, 15, 30, 0, UTC), "2025-11-05T10:15:30.000000Z"),
        (
            datetime(2025, 11, 5, 0, 15, 30, 5, timezone(timedelta(hours=5, minutes=30))),
            "2025-11-04T18:45:30.000005Z",
        ),
    ],
)
def test_the_timestamp_is_utc_with_microseconds(caught: Caught, moment: datetime, text: str) -> None:
    logger.info("x")
    caught.messages[0].record["time"] = moment

    assert text == _build(caught.messages[0])["timestamp"]


def test_the_kept_second_does_not_hide_another_zone(caught: Caught) -> None:
    logger.info("x")
    builder = RecordBuilder({}, dict, Redactor())
    stamps = []
    for hours in (0, 2, 0):
        moment = datetime(2025, 1, 1, 12, 0, 0, 0, timezone(timedelta(hours=hours)))
        caught.messages[0].record["time"] = moment
        stamps.append(builder.build(caught.messages[0].record)["timestamp"])

    assert ["2025-01-01T12", "2025-01-01T10", "2025-01-01T12"] == [str(stamp)[:13] for stamp in stamps]


def test_the_context_wins_over_logger_function_and_line(caught: Caught) -> None:
    logger.info("x")

    record = _build(caught.messages[0], {"logger": "app.tasks", "function": "cleanup", "line": 12})

    assert ("app.tasks", "cleanup", 12) == (record["logger"], record["function"], record["line"])


def test_what_is_unknown_is_left_out(caught: Caught) -> None:
    logger.info("x")

    assert "attempt" not in _build(caught.messages[0], {"attempt": None, "queue": "mail"})


def test_a_clashing_key_of_the_user_is_renamed(caught: Caught) -> None:
    logger.bind(queue="other", event="mine", error="mine", level="INFO").info("x")

    record = _build(caught.messages[0], {"queue": "mail"})

    assert ("mail", "other") == (record["queue"], record["extra_queue"])
    assert ("mine", "mine") == (record["extra_event"], record["extra_error"])
    assert "extra_level" not in record, "it says the same"
    assert not {"event", "error"} & set(record)


@pytest.mark.parametrize("keys", [("message", "extra_message"), ("extra_message", "message")])
def test_a_renamed_key_takes_no_other_key_s_place(caught: Caught, keys: tuple[str, str]) -> None:
    logger.bind(**{key: f"my {key}" for key in keys}).info("x")

    record = _build(caught.messages[0])

    assert "x" == record["message"]
    assert ("my extra_message", "my message") == (record["extra_message"], record["extra_extra_message"])


def test_a_user_s_own_task_id_stands_where_no_task_runs(caught: Caught) -> None:
    logger.bind(task_id="7").info("x")

    assert "7" == _build(caught.messages[0])["task_id"]


def test_a_clash_of_objects_is_never_compared(caught: Caught) -> None:
    class Touchy:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        def __str__(self) -> str:
            return "a frame"

        __hash__ = None  # type: ignore[assignment]  # as a data frame

    logger.bind(queue=Touchy()).info("x")

    assert "a frame" == _build(caught.messages[0], {"queue": "mail"})["extra_queue"]


def test_secrets_are_hidden_in_extra_and_context(caught: Caught) -> None:
    logger.bind(password="S").info("x")

    record = _build(caught.messages[0], {"api_key": "S"})

    assert ("[redacted]", "[redacted]") == (record["password"], record["api_key"])
    assert "S" == caught.messages[0].record["extra"]["password"]


def test_an_exception_brings_its_error(caught: Caught) -> None:
    hidden = "variable's value"
    try:
        raise ValueError("bad") from KeyError(len(hidden))
    except ValueError:
        logger.exception("x")

    error = _build(caught.messages[0])["error"]

    assert isinstance(error, dict)
    assert ["type", "message", "fingerprint", "stack"] == list(error)
    assert error["stack"].startswith("KeyError: 16\n\nThe above exception was the direct cause")
    assert error["stack"].endswith("ValueError: bad")
    assert "variable's value" not in error["stack"].replace('hidden = "variable', "")


def test_secrets_in_text_are_hidden_wherever_they_stand(caught: Caught) -> None:
    bound = logger.bind(cause="password=S3CRET", rows=[{"note": "token: S3CRET"}, ValueError("pwd='S3CRET'")])
    try:
        raise ValueError('{"token": "S3CRET"}') from KeyError("redis://:S3CRET@cache:6379/0")
    except ValueError:
        bound.exception("Authorization: Bearer {}", "S3CRET")
    message = caught.messages[0]
    before = repr(message.record)

    record = _build(message, {"task_id": "https://u:S3CRET@host/1"})

    assert "S3CRET" not in repr(record)
    assert "Authorization: [redacted]" == record["message"]
    assert "https://[redacted]@host/1" == record["task_id"]
    assert before == repr(message.record), "other handlers see what was logged"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("got Bearer eyJhbGciOiJIUzI1NiJ9.e30.S3CRET", "got Bearer [redacted]"),
        ("id eyJhbGciOiJIUzI1NiJ9.e30.S3CRET", "id [redacted]"),
        ("mysql --password S3CRET db", "mysql --password [redacted] db"),
        ("password=S3CRET", "password=[redacted]"),
        ("(b'token', b'S3CRET')", "(b'token', b'[redacted]')"),
        ("amqps://u:S3CRET@mq//", "amqps://[redacted]@mq//"),
        ("<password>S3CRET</password>", "<password>[redacted]</password>"),
        (
            "-----BEGIN PRIVATE KEY-----\nS3CRET\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----",
        ),
    ],
    ids=["bearer", "jwt", "option", "assigned", "pair", "user info", "element", "private key"],
)
def test_a_secret_in_a_message_is_hidden_in_whatever_form(caught: Caught, message: str, shown: str) -> None:
    logger.info(message)

    assert shown == _build(caught.messages[0])["message"]


@pytest.mark.parametrize("message", [None, 7, b"x"])
def test_a_message_that_a_patcher_made_something_else_becomes_text(caught: Caught, message: object) -> None:
    logger.info("x")
    caught.messages[0].record["message"] = message

    assert str(message) == _build(caught.messages[0])["message"]


def test_a_raw_message_still_brings_its_stack(caught: Caught) -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        logger.opt(raw=True, exception=True).error("x")

    error = _build(caught.messages[0])["error"]

    assert isinstance(error, dict)
    assert error["stack"].startswith("Traceback (most recent call last)")


def test_an_exception_logged_outside_of_one_brings_no_error(caught: Caught) -> None:
    logger.exception("x")

    assert "error" not in _build(caught.messages[0])


def test_ids_are_unique_and_in_order(caught: Caught) -> None:
    logger.info("x")
    builder = RecordBuilder({}, dict, Redactor())
    ids = [str(builder.build(caught.messages[0].record)["record_id"]) for _ in range(2_000)]

    assert sorted(set(ids)) == ids


def test_a_forked_child_takes_another_prefix(caught: Caught) -> None:
    logger.info("x")
    builder = RecordBuilder({}, dict, Redactor())
    record = caught.messages[0].record
    parent = str(builder.build(record)["record_id"])
    record["process"].id = os.getpid() + 1

    child = str(builder.build(record)["record_id"])

    assert parent.partition("-")[0] != child.partition("-")[0]


def test_salvage_takes_what_is_there() -> None:
    builder = RecordBuilder({"service": "billing"}, dict, Redactor())

    record = builder.salvage({"message": "m", "function": "f"}, KeyError("time"))  # type: ignore[typeddict-item]

    assert ("m", "f", "billing") == (record["message"], record["function"], record["service"])
    assert "KeyError: 'time'" == record["serialization_error"]


@pytest.mark.parametrize("key", ["service", "env", "version"])
def test_what_finds_records_is_not_taken_from_a_record_even_when_it_is_not_set(
    caught: Caught, key: str
) -> None:
    logger.bind(**{key: "customer-1"}).info("x")

    record = _build(caught.messages[0])

    assert key not in record
    assert "customer-1" == record[f"extra_{key}"]


@pytest.mark.parametrize("sign", ["", "a: "], ids=["without a sign of a key", "with one"])
def test_a_message_that_no_line_can_hold_says_how_long_it_was(caught: Caught, sign: str) -> None:
    text = sign + "word " * 200_000
    logger.info("{}", text)

    line = orjson.loads(encode(_build(caught.messages[0])))

    assert "characters cut]" in line["message"]
    assert line["truncated"]
    assert abs(line["original_bytes"] - len(text)) < 1_000


@pytest.mark.parametrize("where", ["extra", "context"])
def test_fields_that_no_line_can_hold_say_how_long_they_were(caught: Caught, where: str) -> None:
    fields: dict[str, object] = {"rows": ["word " * 100_000] * 40, "note": "kept"}
    logger.bind(**(fields if where == "extra" else {})).info("x")

    line = orjson.loads(encode(_build(caught.messages[0], fields if where == "context" else None)))

    assert "kept" == line["note"]
    assert line["truncated"]
    assert 20_000_000 < line["original_bytes"] < 20_100_000


def test_a_record_of_usual_length_has_no_such_mark(caught: Caught) -> None:
    logger.bind(text="word " * 10_000).info("x")

    assert "truncated" not in orjson.loads(encode(_build(caught.messages[0])))
