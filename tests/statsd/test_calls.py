import contextlib
import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.statsd import DIALECTS, StatsClient

Record = Callable[..., tuple[StatsClient, list[str]]]


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "line"),
    [
        ("incr", ("jobs",), {"tags": {"queue": "mail"}}, "app.jobs:1|c|#env:prod,queue:mail"),
        ("incr", ("jobs", 2, 1), {}, "app.jobs:2|c|#env:prod"),
        ("gauge", ("depth", -4), {}, "app.depth:0|g|#env:prod\napp.depth:-4|g|#env:prod"),
        ("set", ("users", "a|b"), {}, "app.users:a_b_96624e8b|s|#env:prod"),
        ("timing", ("took", 1.5), {"tags": {"host": "x"}}, "app.took:1.500000|ms|#env:prod,extra_host:x"),
    ],
)
def test_datadog_lines_carry_tags(
    record: Record, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], line: str
) -> None:
    client, sent = record("datadog", constant_tags={"env": "prod"})
    getattr(client, name)(*args, **kwargs)

    assert sent == [line]


def test_rate_comes_before_the_tags(record: Record) -> None:
    client, sent = record("datadog")
    random.seed(1)  # the first draw is 0.13
    client.incr("jobs", 1, 0.5, tags={"queue": "mail"})

    assert sent == ["app.jobs:1|c|@0.5|#queue:mail"]


def test_graphite_tags_end_the_name_and_a_negative_gauge_follows_its_zero(record: Record) -> None:
    client, sent = record("graphite", constant_tags={"env": "prod", "version": "1.2.3"})
    random.seed(1)  # the first draw is 0.13
    client.incr("jobs", 1, 0.5, tags={"queue": "mail"})
    client.gauge("depth", -4)

    assert sent == [
        "app.jobs;env=prod;queue=mail:1|c|@0.5",
        "app.depth;env=prod:0|g\napp.depth;env=prod:-4|g",
    ]


def test_plain_dialect_leaves_tags_out(record: Record) -> None:
    client, sent = record("statsd", constant_tags={"env": "prod"})
    client.incr("jobs", tags={"queue": "mail"})

    assert sent == ["app.jobs:1|c"]


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, Decimal("0.00"), Decimal("-0")])
def test_zero_has_no_sign_when_it_is_taken_from_a_counter(record: Record, zero: float) -> None:
    client, sent = record()
    client.decr("n", zero)

    assert sent[0].removeprefix("app.n:")[0] == "0"


def test_negative_gauge_and_its_zero_share_a_datagram(record: Record) -> None:
    client, sent = record("statsd")
    client.gauge("depth", -4)

    assert sent == ["app.depth:0|g\napp.depth:-4|g"]


def test_small_rate_has_no_exponent(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    client, sent = record("statsd")
    monkeypatch.setattr(random, "random", lambda: 0.0)
    client.incr("jobs", rate=1e-5)

    assert sent == ["app.jobs:1|c|@0.00001"]


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("incr", ("jobs", float("nan")), {}),
        ("incr", ("jobs", None), {}),
        ("decr", ("jobs", "x"), {}),
        ("incr", (None,), {}),
        ("incr", ("...",), {}),
        ("incr", ("jobs", 1, 0), {}),
        ("incr", ("jobs", 1, -1), {}),
        ("incr", ("jobs", 1, float("nan")), {}),
        ("incr", ("jobs", 1, None), {}),
        ("incr", ("jobs",), {"tags": 5}),
        ("gauge", ("depth", float("inf")), {}),
        ("gauge", ("depth", float("nan")), {"delta": True}),
        ("event", ("", "text"), {}),
        ("event", (None, "text"), {}),
        ("event", ("title", "text"), {"alert_type": "bad"}),
        ("event", ("title", "text"), {"date_s": float("nan")}),
        ("service_check", ("db", 4), {}),
        ("service_check", ("db", True), {}),
        ("service_check", ("...", 0), {}),
        ("service_check", ("db", 0), {"tags": 5}),
        ("timing", ("took", -1), {}),
        ("timing", ("took", None), {}),
        ("set", ("users", ""), {}),
    ],
)
def test_silly_call_is_counted_and_not_sent(
    record: Record, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    client, sent = record("datadog")
    getattr(client, name)(*args, **kwargs)

    assert sent == []
    assert client.stats()["lines_dropped"] == {"invalid": 1}


@pytest.mark.parametrize("name", ["naïve.jobs", "a:1|c\nb", "\ud800"])
def test_strange_name_is_cleaned(record: Record, name: str, parse: Callable[[str, str], Any]) -> None:
    client, sent = record("statsd")
    client.incr(name)

    assert [parse(line, "statsd")[1] for line in sent] == [["1"]]


def test_changes_of_a_gauge_are_summed_where_the_server_would_take_them_for_values(record: Record) -> None:
    client, sent = record("datadog")
    client.gauge("depth", 5, delta=True)
    client.gauge("depth", -7, delta=True)
    client.gauge("depth", 10, tags={"queue": "mail"})
    with client.pipeline() as pipe:
        pipe.gauge("depth", 0.5, delta=True, tags={"queue": "mail"})

    assert sent == [
        "app.depth:5|g",
        "app.depth:0|g\napp.depth:-2|g",
        "app.depth:10|g|#queue:mail",
        "app.depth:10.5|g|#queue:mail",
    ]


def test_changes_of_a_gauge_are_summed_whatever_the_order_of_its_tags(record: Record) -> None:
    client, sent = record("datadog")
    client.gauge("depth", 1, delta=True, tags={"queue": "mail", "tier": "free"})
    client.gauge("depth", 1, delta=True, tags={"tier": "free", "queue": "mail"})

    assert sent == ["app.depth:1|g|#queue:mail,tier:free", "app.depth:2|g|#tier:free,queue:mail"]


def test_change_beyond_what_a_double_holds_is_refused(record: Record) -> None:
    client, sent = record("datadog")
    client.gauge("depth", 2**1024 - 1)
    client.gauge("depth", 0.5, delta=True)

    assert len(sent) == 1
    assert client.stats()["lines_dropped"] == {"invalid": 1}


def test_members_of_a_set_that_cleaning_makes_alike_stay_apart(record: Record) -> None:
    client, sent = record("statsd")
    for member in ("é", "ü", "a:b", "a|b", "a_b", "a b"):
        client.set("users", member)

    assert len(set(sent)) == 6
    assert sent[-2:] == ["app.users:a_b|s", "app.users:a b|s"]


def test_service_checks_that_cleaning_makes_alike_stay_apart(record: Record) -> None:
    client, sent = record("datadog")
    for name in ("db/a", "db_a", "db-a"):
        client.service_check(name, 0)

    assert sent == ["_sc|db_a_f6fac9a5|0", "_sc|db_a|0", "_sc|db_a|0"]


@pytest.mark.parametrize("dialect", ["statsd", "graphite"])
def test_changes_of_a_gauge_go_to_the_daemon_as_they_are(record: Record, dialect: str) -> None:
    client, sent = record(dialect)
    client.gauge("depth", 5, delta=True)
    client.gauge("depth", -7, delta=True)

    assert sent == ["app.depth:+5|g", "app.depth:-7|g"]


def test_datadog_event_and_service_check_carry_tags(record: Record) -> None:
    client, sent = record("datadog", constant_tags={"env": "prod"})
    client.event("tïtle", "li\nne", alert_type="error", tags={"queue": "mail"})
    client.service_check("redis.can_connect", 2, message="timed out")

    assert sent == [
        "_e{6,6}:tïtle|li\\nne|t:error|#env:prod,queue:mail",
        "_sc|redis.can_connect|2|#env:prod|m:timed out",
    ]


@pytest.mark.parametrize("dialect", ["statsd", "graphite"])
def test_other_dialects_refuse_events_and_service_checks(record: Record, dialect: str) -> None:
    client, sent = record(dialect)
    client.event("title", "text")
    client.service_check("db", 0)

    assert sent == []
    assert client.stats()["lines_dropped"] == {"invalid": 2}


JUNK = st.text(max_size=10) | st.sampled_from(["a:1|c\nb", "_e{1,1}:a|b", "x|#y", "host", "dd.internal.card"])


@settings(deadline=None)
@given(JUNK, st.dictionaries(JUNK, JUNK, max_size=4), JUNK, st.sampled_from(sorted(DIALECTS)))
def test_no_text_forges_a_line(
    record: Record,
    parse: Callable[[str, str], Any],
    name: str,
    tags: dict[str, str],
    member: str,
    dialect: str,
) -> None:
    try:
        client, sent = record(dialect, constant_tags=tags)
    except ConfigurationError:  # two keys become one
        reject()
    client.incr(name, tags=tags)
    client.set(name, member, tags=tags)
    client.timing(name, 1.5, tags=tags)

    assert len(sent) <= 3
    for line in sent:
        parse(line, dialect)


class Wild:
    """Raises whatever is asked of it."""

    def _raise(self, *args: object, **kwargs: object) -> Any:
        raise RuntimeError

    __class__ = property(_raise)
    __str__ = __repr__ = __float__ = __int__ = __index__ = __bool__ = __len__ = __iter__ = __format__ = _raise
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __neg__ = __mul__ = __hash__ = __getattr__ = _raise


class WildText(str):
    __slots__ = ()
    __str__ = __repr__ = __hash__ = __eq__ = __len__ = __format__ = __getitem__ = Wild._raise


class WildFloat(float):
    __float__ = __str__ = __repr__ = __hash__ = __eq__ = __lt__ = __ge__ = __neg__ = Wild._raise


class WildInt(int):
    __int__ = __index__ = __str__ = __repr__ = __hash__ = __eq__ = __lt__ = Wild._raise


class WildTime(timedelta):
    total_seconds = __str__ = __mul__ = __hash__ = __eq__ = Wild._raise


class WildTags(dict[Any, Any]):
    __bool__ = __len__ = __iter__ = items = keys = Wild._raise


WILD: list[Any] = [
    *[Wild(), WildText("a"), WildFloat(1.5), WildInt(3), WildTime(1), WildTags(a="b"), {"a": Wild()}],
    *[{"a": WildText("b")}, None, [], (), b"x", "x", "\ud800", 5, -1, 2**1024 - 1, 1 << 2000, 10**5000],
    *[
        0.5,
        1e-320,
        float("nan"),
        float("inf"),
        Decimal("sNaN"),
        Decimal("1E+999999"),
        1j,
        timedelta.max,
        Wild,
    ],
]
AT = st.integers(0, len(WILD) - 1)  # hypothesis itself would ask the values
NAMES = ("incr", "decr", "gauge", "set", "timing", "event", "service_check", "timed", "timer")


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(NAMES),
    st.tuples(AT, AT),
    st.dictionaries(st.sampled_from(["rate", "tags", "delta", "date_s", "hostname", "message", "x"]), AT),
    st.sampled_from(sorted(DIALECTS)),
    st.booleans(),
)
def test_no_value_makes_a_call_raise(
    record: Record, name: str, args_at: tuple[int, int], kwargs_at: dict[str, int], dialect: str, piped: bool
) -> None:
    client, sent = record(dialect)
    args, kwargs = [WILD[at] for at in args_at], {key: WILD[at] for key, at in kwargs_at.items()}
    calls: Any = client.pipeline() if piped else client
    known = {
        "event": ("date_s", "hostname", "tags", "x"),
        "service_check": ("message", "date_s", "tags", "x"),
    }
    kept = {key: kwargs[key] for key in known.get(name, ("rate", "tags")) if key in kwargs}
    if name == "gauge" and "delta" in kwargs:
        kept["delta"] = kwargs["delta"]
    if name in {"timer", "timed"}:
        timer = calls.timer(args[0], **kept)
        with contextlib.nullcontext() if name == "timer" else timer:
            timer.stop() if name == "timer" else None
        timer.send()
    else:
        getattr(calls, name)(*args, **kept)
    if piped:
        calls.send()

    assert all("\ud800" not in line for line in sent)
