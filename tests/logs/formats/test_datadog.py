"""Datadog's log intake."""

import json
from collections.abc import Callable

import pytest

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action
from queue_telemetry.logs.formats import DatadogFormat

Lines = Callable[..., bytearray]


def test_the_exact_bytes_of_a_record(lines: Lines) -> None:
    assert (
        b'[{"timestamp":1762337730123,"status":"info","event":"task_completed","message":"said \\"h\xc3\xa9\\"",'
        b'"task_id":"123","service":"billing","hostname":"h1","pid":71,"logger.thread_name":"MainThread",'
        b'"logger.name":"app.tasks","logger.method_name":"cleanup","line":12,"record_id":"r-1",'
        b'"ddsource":"python","ddtags":"env:prod,version:1.2.3"}]'
    ) == DatadogFormat().body(lines({}))


def test_an_error_has_datadogs_names(lines: Lines) -> None:
    error = {"type": "ValueError", "message": "m", "fingerprint": "9f", "stack": "s"}
    (entry,) = json.loads(DatadogFormat().body(lines({"level": "ERROR", "error": error})))

    assert {"kind": "ValueError", "message": "m", "fingerprint": "9f", "stack": "s"} == entry["error"]
    assert "error" == entry["status"]


@pytest.mark.parametrize("key", ["status", "hostname", "ddtags", "ddsource", "source", "@timestamp"])
def test_a_users_key_does_not_take_a_reserved_one(lines: Lines, key: str) -> None:
    (entry,) = json.loads(DatadogFormat().body(lines({key: "mine"})))

    assert "mine" == entry[f"extra_{key}"]
    assert "mine" != entry.get(key)


def test_without_env_and_version_there_are_no_tags(lines: Lines) -> None:
    (entry,) = json.loads(DatadogFormat().body(lines({"env": None, "version": None})))

    assert "ddtags" not in entry


def test_a_comma_begins_no_further_tag(lines: Lines) -> None:
    (entry,) = json.loads(DatadogFormat().body(lines({"version": "1,team:evil"})))

    assert "env:prod,version:1_team:evil" == entry["ddtags"]


def test_the_token_is_the_api_key() -> None:
    assert {"dd-api-key": "k"} == DatadogFormat().authorization("k")


def test_its_limits_are_datadogs() -> None:
    limits = DatadogFormat()

    assert (1000, 4_500_000, 1_000_000, 64_800) == (
        limits.max_records,
        limits.max_batch_bytes,
        limits.max_record_bytes,
        limits.max_age_s,
    )


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (202, Action.DECIDED),
        (400, Action.BISECT),
        (401, Action.PARK),
        (403, Action.PARK),
        (408, Action.RETRY),
        (413, Action.SPLIT),
        (429, Action.RETRY),
        (500, Action.RETRY),
        (503, Action.RETRY),
    ],
)
def test_answers(status: int, action: Action) -> None:
    assert action is DatadogFormat().read(Answer(status, body=b"{}"), 3).action
