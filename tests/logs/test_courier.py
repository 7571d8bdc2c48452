"""What becomes of a chunk by the verdict: sizes learned, bad records found, wrong settings told from them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs import RecordBuffer, Shipper
from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._verdict import Action, Rejection, Verdict
from queue_telemetry.logs.formats import NdjsonFormat
from queue_telemetry.logs.spool import DeadLetters

_FIXTURES = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)


class Strict:
    """A collector that refuses bodies with a bad record, or of more than so many bytes, and stores the others."""

    def __init__(self, bad: set[int] | None = None, max_bytes: int = 10**9) -> None:
        self.bad = bad or set()
        self.max_bytes = max_bytes
        self.status: int | None = None
        self.stored: list[int] = []
        self.bodies: list[bytes] = []

    def send(self, body: bytes | bytearray, *, within_s: float) -> Answer:
        self.bodies.append(bytes(body))
        numbers = [json.loads(line)["n"] for line in body.splitlines()]
        if self.status is not None:
            return Answer(self.status)
        if len(body) > self.max_bytes:
            return Answer(413)
        if self.bad.intersection(numbers):
            return Answer(400, body=b"bad record")
        self.stored += numbers
        return Answer(200)

    def enforce_deadline(self) -> None:
        return

    abort = forget = close = enforce_deadline


def _line(number: int) -> bytes:
    return b'{"n":%d}\n' % number


@pytest.fixture
def filled(make_buffer: Callable[..., RecordBuffer]) -> Callable[..., RecordBuffer]:
    """Make a buffer with one sealed chunk of numbered records."""

    def make(records: int, **options: Any) -> RecordBuffer:
        buffer = make_buffer(max_bytes=10_000_000, batch_bytes=1_000_000, **options)
        for number in range(records):
            buffer.append(_line(number))
        buffer.seal()
        return buffer

    return make


@pytest.fixture
def run(manual_clock: Any) -> Callable[[Shipper], None]:
    """Step a shipper until nothing is pending, an hour at most."""

    def run(shipper: Shipper, hours: float = 1.0) -> None:
        until_s = manual_clock.now_s + hours * 3600
        while shipper.buffer.read()[1] and manual_clock.now_s < until_s:
            manual_clock.advance(shipper.step())

    return run


def _letters(folder: Path) -> list[dict[str, Any]]:
    file = folder / "dead-letters.ndjson"
    return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []


@_FIXTURES
@given(st.integers(0, 999))
def test_one_bad_record_of_a_thousand_is_found_in_few_requests(
    filled: Any, make_shipper: Any, run: Any, bad: int
) -> None:
    collector = Strict({bad})
    shipper = make_shipper(filled(1000), sender=collector)

    run(shipper)

    delivery = shipper.delivery()
    assert (999, {DropReason.REJECTED: 1}) == (delivery.delivered, delivery.dropped)
    assert sorted(collector.stored) == [number for number in range(1000) if number != bad]
    assert len(collector.bodies) <= 21, "the batch and two for each halving"


@_FIXTURES
@given(st.sets(st.integers(0, 299), min_size=1, max_size=60))
def test_a_batch_costs_no_more_than_32_further_requests_before_others_and_no_good_record_is_sent_twice(
    make_buffer: Any, make_shipper: Any, run: Any, bad: set[int]
) -> None:
    buffer = make_buffer(max_records=300)
    for number in range(301):
        buffer.append(_line(number))
    buffer.seal()
    collector = Strict(bad)
    shipper = make_shipper(buffer, sender=collector)

    run(shipper)

    assert any(_line(300) in body for body in collector.bodies[:34])
    assert len(set(collector.stored)) == len(collector.stored)
    delivery, held, _ = shipper.buffer.read()
    assert 301 == delivery.delivered + sum(delivery.dropped.values()) + held
    assert len(collector.stored) == delivery.delivered


def test_what_is_never_taken_is_in_the_dead_letters_with_the_answer(
    filled: Any, make_shipper: Any, run: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shipper = make_shipper(filled(8), sender=Strict({3}), dead_letters=DeadLetters(tmp_path))

    run(shipper)

    letters = [(letter["record"], letter["status"], letter["excerpt"]) for letter in _letters(tmp_path)]
    assert [({"n": 3}, 400, "bad record")] == letters
    assert {DropReason.DEAD_LETTERED: 1} == shipper.delivery().dropped
    assert ["1 log records were given up (see the dead letters): HTTP 400"] == caplog.messages


def test_when_nearly_everything_is_refused_it_is_a_setting_and_nothing_is_given_up(
    filled: Any, make_shipper: Any
) -> None:
    collector = Strict()
    collector.status = 400
    shipper = make_shipper(filled(1000), sender=collector)
    while not shipper.failures:
        shipper.step()

    assert ("parked", {}, 1000) == (
        shipper.stats()["state"],
        shipper.delivery().dropped,
        shipper.buffer.read()[1],
    )


def test_what_was_parked_for_a_setting_is_delivered_once_it_is_right(
    filled: Any, make_shipper: Any, run: Any, manual_clock: Any
) -> None:
    collector = Strict()
    collector.status = 422
    shipper = make_shipper(filled(1000), sender=collector)
    for _ in range(60):
        manual_clock.advance(shipper.step())
    collector.status = None

    run(shipper)

    assert (1000, {}) == (shipper.delivery().delivered, shipper.delivery().dropped)
    assert list(range(1000)) == sorted(collector.stored)


def test_a_destination_that_is_parked_for_bad_records_heals_by_other_ones(
    make_buffer: Any, make_shipper: Any, run: Any
) -> None:
    buffer = make_buffer(max_bytes=10_000_000, batch_bytes=20_000)
    for number in range(6000):
        buffer.append(_line(number))
    buffer.seal()
    bad = set(range(2000))
    shipper = make_shipper(buffer, sender=Strict(bad), batch_bytes=20_000)

    run(shipper, hours=2)

    delivery, held, _ = shipper.buffer.read()
    assert (4000, 2000) == (delivery.delivered, held + sum(delivery.dropped.values()))
    assert sum(delivery.dropped.values()) < 64, "the bad ones are kept while nothing shows that they are bad"


@_FIXTURES
@given(st.sets(st.integers(0, 299), min_size=1, max_size=60))
def test_no_good_record_is_given_up_however_many_are_bad(
    filled: Any, make_shipper: Any, run: Any, tmp_path_factory: pytest.TempPathFactory, bad: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("letters")
    collector = Strict(bad)
    shipper = make_shipper(filled(300), sender=collector, dead_letters=DeadLetters(folder))

    run(shipper)

    given_up = [letter["record"]["n"] for letter in _letters(folder)]
    held = shipper.buffer.read()[1]
    assert set(given_up) <= bad
    assert 300 == len(collector.stored) + len(given_up) + held
    assert held or sorted({*range(300)} - bad) == sorted(collector.stored)


@pytest.mark.parametrize("records", [1, 3, 1000])
def test_a_destination_that_never_took_anything_gets_three_requests_and_loses_nothing(
    filled: Any, make_shipper: Any, manual_clock: Any, run: Any, records: int
) -> None:
    collector = Strict()
    collector.status = 400
    shipper = make_shipper(filled(records), sender=collector)
    while shipper.step() == 0:
        pass
    assert len(collector.bodies) == min(records, 3)
    for _ in range(20):
        manual_clock.advance(shipper.step())
    collector.status = None

    run(shipper)

    assert (records, {}) == (shipper.delivery().delivered, shipper.delivery().dropped)


def test_records_sent_one_by_one_to_a_wrong_address_are_kept(
    make_buffer: Any, make_shipper: Any, manual_clock: Any
) -> None:
    buffer = make_buffer()
    collector = Strict()
    collector.status = 400
    shipper = make_shipper(buffer, sender=collector)
    for number in range(30):
        buffer.append(_line(number))
        manual_clock.advance(60)
        shipper.step()

    assert ({}, 30) == (shipper.delivery().dropped, buffer.read()[1])


def test_when_the_very_first_record_is_bad_others_show_it(
    make_buffer: Any, make_shipper: Any, manual_clock: Any
) -> None:
    buffer = make_buffer(batch_bytes=8)
    for number in range(3):
        buffer.append(_line(number))
    buffer.seal()
    shipper = make_shipper(buffer, sender=Strict({0}))
    while shipper.step() == 0:
        pass

    assert (2, {DropReason.REJECTED: 1}) == (shipper.delivery().delivered, shipper.delivery().dropped)


def test_bad_records_all_over_the_very_first_batch_hold_up_the_good_ones_for_minutes_only(
    filled: Any, make_shipper: Any, manual_clock: Any
) -> None:
    bad = set(range(0, 300, 10))
    shipper = make_shipper(filled(300), sender=Strict(bad))
    until_s = manual_clock.now_s + 1800
    while shipper.buffer.read()[1] and manual_clock.now_s < until_s:
        manual_clock.advance(shipper.step())

    assert (270, {DropReason.REJECTED: 30}) == (shipper.delivery().delivered, shipper.delivery().dropped)


def test_a_decision_against_every_record_is_doubted_before_any_was_taken(
    filled: Any, make_shipper: Any, run: Any
) -> None:
    none = Verdict(Action.DECIDED, (Rejection(1, 404, "no such index"),), unnamed=2)
    shipper = make_shipper(filled(3), sender=Strict(), wire_format=Partial(none))
    shipper.step()
    assert ({}, 3) == (shipper.delivery().dropped, shipper.buffer.read()[1])

    run(shipper)

    assert 3 == shipper.delivery().delivered


@pytest.mark.parametrize("good_is_adopted", [True, False])
def test_a_bad_record_of_a_dead_process_does_not_hold_up_good_ones(
    make_buffer: Any, make_spool: Any, make_shipper: Any, manual_clock: Any, good_is_adopted: bool
) -> None:
    left = make_spool()
    for number in range(2 if good_is_adopted else 1):
        assert left.write(_line(number), 1)
    left.close()
    spool = make_spool()
    buffer = make_buffer(batch_bytes=8, spool=spool)
    shipper = make_shipper(buffer, sender=Strict({0}), spool=spool)
    manual_clock.advance(shipper.step())
    if not good_is_adopted:
        buffer.append(_line(1))
    until_s = manual_clock.now_s + 600
    while not shipper.delivery().dropped and manual_clock.now_s < until_s:
        manual_clock.advance(shipper.step())

    assert (1, {DropReason.REJECTED: 1}) == (shipper.delivery().delivered, shipper.delivery().dropped)


def test_megabytes_of_bad_records_hold_up_good_ones_for_one_probe_each(
    make_buffer: Any, make_shipper: Any, manual_clock: Any
) -> None:
    buffer = make_buffer(max_bytes=10_000_000, batch_bytes=1_000_000)
    for number in range(6_000):
        buffer.append(b'{"n":%d,"text":"%s"}\n' % (number, b"x" * 970))
    buffer.seal()
    shipper = make_shipper(buffer, sender=Strict(set(range(5_000))))
    began_s = manual_clock.now_s
    while 1_000 > shipper.delivery().delivered:
        manual_clock.advance(shipper.step())

    assert manual_clock.now_s - began_s < 60 * (1 + 2 + 3 + 4 + 5 + 1), "later and later probes, and the ramp"
    assert sum(shipper.delivery().dropped.values()) < 64


@_FIXTURES
@given(st.integers(30, 8_000))
def test_a_batch_that_is_too_large_is_halved_and_the_size_is_remembered(
    make_buffer: Any, make_shipper: Any, run: Any, max_bytes: int
) -> None:
    buffer = make_buffer(max_bytes=10_000_000, batch_bytes=6_000)
    for number in range(3_000):
        buffer.append(_line(number))
    buffer.seal()
    collector = Strict(max_bytes=max_bytes)
    shipper = make_shipper(buffer, sender=collector, batch_bytes=6_000)

    run(shipper)

    assert (3_000, {}) == (shipper.delivery().delivered, shipper.delivery().dropped)
    refused = [body for body in collector.bodies if len(body) > max_bytes]
    assert list(range(3_000)) == collector.stored, "in order"
    assert len(refused) <= 30 + len(collector.bodies) / 50, "and a new attempt once in a hundred"


def test_a_single_record_that_is_too_large_is_a_dead_letter(
    filled: Any, make_shipper: Any, run: Any, tmp_path: Path
) -> None:
    shipper = make_shipper(filled(1), sender=Strict(max_bytes=3), dead_letters=DeadLetters(tmp_path))

    run(shipper)

    assert {DropReason.OVERSIZE: 1} == shipper.delivery().dropped
    assert [413] == [letter["status"] for letter in _letters(tmp_path)]


class Partial(NdjsonFormat):
    """Reads from a list what became of single records."""

    def __init__(self, *verdicts: Verdict) -> None:
        self._verdicts = list(verdicts)

    def read(self, answer: Answer, records: int) -> Verdict:
        return self._verdicts.pop(0) if self._verdicts else super().read(answer, records)


def test_records_named_by_the_collector_are_given_up_or_sent_again_alone(
    filled: Any, make_shipper: Any, run: Any, tmp_path: Path
) -> None:
    collector = Strict()
    verdict = Verdict(Action.DECIDED, (Rejection(1, 404, "no such index"),), (2, 4))
    shipper = make_shipper(
        filled(5), sender=collector, wire_format=Partial(verdict), dead_letters=DeadLetters(tmp_path)
    )

    run(shipper)

    assert _line(2) + _line(4) == collector.bodies[1]
    assert [({"n": 1}, 404)] == [(letter["record"], letter["status"]) for letter in _letters(tmp_path)]
    assert (4, {DropReason.DEAD_LETTERED: 1}) == (shipper.delivery().delivered, shipper.delivery().dropped)


def test_records_that_are_refused_without_a_name_are_counted_and_not_repeated(
    filled: Any, make_shipper: Any, run: Any
) -> None:
    collector = Strict()
    shipper = make_shipper(
        filled(5), sender=collector, wire_format=Partial(Verdict(Action.DECIDED, unnamed=2))
    )

    run(shipper)

    assert (3, {DropReason.REJECTED: 2}, 1) == (
        shipper.delivery().delivered,
        shipper.delivery().dropped,
        len(collector.bodies),
    )


def test_the_reason_of_a_refusal_without_names_is_one_dead_letter_and_said(
    filled: Any, make_shipper: Any, run: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    verdict = Verdict(Action.DECIDED, unnamed=2, excerpt="timestamp too old")
    letters = DeadLetters(tmp_path)
    shipper = make_shipper(filled(5), sender=Strict(), wire_format=Partial(verdict), dead_letters=letters)

    run(shipper)

    assert [(2, 200, "timestamp too old")] == [
        (letter["record"]["records"], letter["status"], letter["excerpt"]) for letter in _letters(tmp_path)
    ]
    assert "HTTP 200, 2 records refused" == shipper.stats()["last_error"]
    assert "2 log records were given up (see the dead letters)" in caplog.text
    assert {DropReason.REJECTED: 2} == shipper.delivery().dropped


def test_what_was_wrong_is_forgotten_once_a_batch_is_taken(filled: Any, make_shipper: Any, run: Any) -> None:
    collector = Strict()
    collector.status = 503
    shipper = make_shipper(filled(2), sender=collector)
    shipper.step()
    failed = shipper.stats()["last_error"]
    collector.status = None

    run(shipper)

    assert ("HTTP 503", None) == (failed, shipper.stats()["last_error"])


@pytest.mark.parametrize(
    ("failure", "words"),
    [(Failure.TLS, "check the certificates (certificate not trusted)"), (Failure.PROXY, "check LOG_PROXY")],
)
def test_a_setting_that_is_wrong_is_named(
    filled: Any,
    make_shipper: Any,
    list_sender: Any,
    caplog: pytest.LogCaptureFixture,
    failure: Failure,
    words: str,
) -> None:
    list_sender.answers = [Answer(None, failure)]

    make_shipper(filled(1)).step()

    assert words in caplog.text
    assert "token" not in caplog.text


def test_when_all_go_again_it_counts_as_a_failure(filled: Any, make_shipper: Any) -> None:
    shipper = make_shipper(
        filled(3), sender=Strict(), wire_format=Partial(Verdict(Action.DECIDED, again=(0, 1, 2)))
    )

    shipper.step()

    assert (1, 0, 3) == (shipper.failures, shipper.delivery().delivered, shipper.buffer.read()[1])


_VERDICTS = st.builds(
    Verdict,
    st.just(Action.DECIDED),
    st.lists(st.builds(Rejection, st.integers(-2, 9), st.just(400), st.text(max_size=5))).map(tuple),
    st.lists(st.integers(-2, 9)).map(tuple),
    st.integers(-3, 12),
)


@_FIXTURES
@given(st.lists(_VERDICTS, max_size=5))
def test_any_verdict_of_a_users_format_keeps_the_accounts_right(
    filled: Any, make_shipper: Any, run: Any, verdicts: list[Verdict]
) -> None:
    shipper = make_shipper(filled(6), sender=Strict(), wire_format=Partial(*verdicts))

    run(shipper)

    delivery, held, held_bytes = shipper.buffer.read()
    assert (6, 0, 0) == (delivery.delivered + sum(delivery.dropped.values()), held, held_bytes)


class Broken(NdjsonFormat):
    """Raises for a record, or for each answer."""

    reads = True

    def body(self, lines: bytearray) -> bytes | bytearray:
        if b'"n":5}' in lines:
            raise KeyError("a payload")
        return super().body(lines)

    def read(self, answer: Answer, records: int) -> Verdict:
        if not self.reads:
            raise KeyError("a payload")
        return super().read(answer, records)


def test_a_record_that_a_users_format_cannot_take_is_given_up_alone(
    filled: Any, make_shipper: Any, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    shipper = make_shipper(filled(16), sender=Strict(), wire_format=Broken())

    run(shipper)

    assert (15, {DropReason.REJECTED: 1}) == (shipper.delivery().delivered, shipper.delivery().dropped)
    assert ["the log format failed with KeyError", "1 log records were given up: KeyError"] == (
        caplog.messages
    )


def test_records_that_a_users_format_makes_no_body_of_are_said_to_be_dead_letters_before_any_was_taken(
    filled: Any, make_shipper: Any, run: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Hopeless(NdjsonFormat):
        def body(self, lines: bytearray) -> bytes | bytearray:
            raise TypeError

    sender = Strict()
    shipper = make_shipper(
        filled(5), sender=sender, wire_format=Hopeless(), dead_letters=DeadLetters(tmp_path)
    )

    run(shipper)

    assert ({DropReason.DEAD_LETTERED: 5}, []) == (shipper.delivery().dropped, sender.bodies)
    told = [(letter["record"]["n"], letter["status"], letter["excerpt"]) for letter in _letters(tmp_path)]
    assert [(number, None, "no body: TypeError") for number in range(5)] == told
    assert [
        "the log format failed with TypeError",
        "1 log records were given up (see the dead letters): TypeError",
    ] == caplog.messages
    assert "TypeError" == shipper.stats()["last_error"]


def test_an_answer_that_a_users_format_cannot_read_is_judged_by_its_status(
    filled: Any, make_shipper: Any, run: Any
) -> None:
    wire_format = Broken()
    wire_format.reads = False
    shipper = make_shipper(filled(3), sender=Strict(), wire_format=wire_format)

    run(shipper)

    assert 3 == shipper.delivery().delivered


def test_an_attempt_is_what_those_who_hurried_get(
    filled: Any, make_shipper: Any, list_sender: Any, manual_clock: Any
) -> None:
    shipper = make_shipper(filled(1))
    schedule = shipper._courier.schedule
    list_sender.answers = [Answer(503)]
    schedule.hurry(last_chance=True)

    shipper.step()

    assert schedule.not_before_s > manual_clock.now_s


def test_a_single_record_that_is_too_large_does_not_keep_requests_small(
    make_buffer: Any, make_shipper: Any
) -> None:
    buffer = make_buffer(max_bytes=10_000_000, batch_bytes=100_000)
    collector = Strict()
    collector.status = 413
    shipper = make_shipper(buffer, sender=collector)
    buffer.append(_line(0))
    buffer.seal()
    shipper.step()
    collector.status = None
    for number in range(1, 20_000):
        buffer.append(_line(number))
    buffer.seal()

    while buffer.has_sealed:
        shipper.step()

    assert list(range(1, 20_000)) == collector.stored
    assert len(collector.bodies) <= 60


def test_a_probe_is_small_and_a_ramp_follows(make_buffer: Any, make_shipper: Any, run: Any) -> None:
    buffer = make_buffer(max_bytes=10_000_000, batch_bytes=100_000)
    for number in range(40_000):
        buffer.append(_line(number))
    buffer.seal()
    collector = Strict()
    collector.status = 503
    shipper = make_shipper(buffer, sender=collector)
    while "open" != shipper.stats()["circuit"]:
        shipper._courier.schedule.hurry(last_chance=True)
        shipper.step()
    collector.status = None
    collector.bodies.clear()

    run(shipper)

    sizes = [len(body) for body in collector.bodies]
    assert all(size <= allowed for size, allowed in zip(sizes, (16_384, 32_768, 65_536), strict=False))
    assert 40_000 == shipper.delivery().delivered


class Narrow(NdjsonFormat):
    """Takes records of a few bytes only."""

    max_record_bytes = 8


def test_a_record_longer_than_the_format_takes_is_a_dead_letter_and_never_sent(
    filled: Any, make_shipper: Any, run: Any, tmp_path: Path
) -> None:
    collector = Strict()
    shipper = make_shipper(
        filled(12), sender=collector, wire_format=Narrow(), dead_letters=DeadLetters(tmp_path)
    )

    run(shipper)

    assert list(range(10)) == collector.stored
    assert {DropReason.OVERSIZE: 2} == shipper.delivery().dropped
    assert [({"n": 10}, None), ({"n": 11}, None)] == [
        (letter["record"], letter["status"]) for letter in _letters(tmp_path)
    ]
