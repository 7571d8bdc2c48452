from typing import Any

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import CATALOG, Batch, Series
from queue_telemetry.statsd import DIALECTS
from queue_telemetry.statsd._origin import Origin
from queue_telemetry.statsd.client import StatsClient

DATADOG = DIALECTS["datadog"]
POD = "7b6d3b35-4d6b-4c6e-8f3f-5d6b0d0c2d5e"
CONTAINER = "83c0a99c0a54c0c187f461c7980e9b57f3f6a8b0c918c8d93df19a9de6f3fe1d"


@pytest.mark.parametrize(
    ("entity_id", "external_env", "tags", "fields"),
    [
        (None, None, {}, ""),
        (CONTAINER, None, {}, f"|c:{CONTAINER}"),
        (f"ci-{CONTAINER}", None, {}, f"|c:ci-{CONTAINER}"),
        ("in-4026531835", "it-false,cn-web,pu-75a2", {}, "|c:in-4026531835|e:it-false,cn-web,pu-75a2"),
        (None, "it-false", {}, "|e:it-false"),
        (POD, None, {"dd.internal.entity_id": POD}, ""),
        (POD.replace("-", ""), None, {"dd.internal.entity_id": POD.replace("-", "")}, ""),
    ],
)
def test_agent_is_told_what_it_looks_for(
    entity_id: str | None, external_env: str | None, tags: dict[str, str], fields: str
) -> None:
    assert Origin.of(entity_id, external_env, DATADOG) == (tags, fields)


@pytest.mark.parametrize("dialect", ["statsd", "graphite"])
def test_other_servers_are_told_nothing(dialect: str) -> None:
    assert Origin.of(CONTAINER, "it-false", DIALECTS[dialect]) == ({}, "")


@pytest.mark.parametrize("value", ["", "a|#b:c", "a b", "a\nb", "é", "x" * 201])
def test_what_would_break_a_line_is_named(value: str) -> None:
    with pytest.raises(ConfigurationError) as entity:
        Origin.of(value, None, DATADOG)
    with pytest.raises(ConfigurationError) as external:
        Origin.of(None, value, DATADOG)

    assert str(entity.value).startswith(f"STATSD_ENTITY_ID is {value!r}")
    assert str(external.value).startswith(f"STATSD_EXTERNAL_ENV is {value!r}")


def test_every_line_ends_in_them(receiver: Any, make_emitter: Any) -> None:
    client = StatsClient(
        "127.0.0.1",
        receiver.port,
        dialect=DATADOG,
        constant_tags={"env": "dev"},
        entity_id="ci-1",
        external_env="it-false",
    )
    client.incr("jobs", tags={"queue": "mail"})
    client.incr("jobs", 2)
    client.event("t", "x")
    client.service_check("db", 0, message="well")
    emitter, _ = make_emitter(client)
    series = Series(CATALOG["queue.task.duration"], ("mail", "send", "completed"))
    emitter.add(Batch(timings=[(series, [0.5, 0.25])]))
    emitter.close(1.0)

    assert receiver.take(5) == [
        b"jobs:1|c|#env:dev,queue:mail|c:ci-1|e:it-false",
        b"jobs:2|c|#env:dev|c:ci-1|e:it-false",
        b"_e{1,1}:t|x|#env:dev|c:ci-1|e:it-false",
        b"_sc|db|0|#env:dev|c:ci-1|e:it-false|m:well",
        (
            b"queue.task.duration_seconds:0.500000:0.250000|d"
            b"|#env:dev,queue:mail,type:send,outcome:completed|c:ci-1|e:it-false"
        ),
    ]
