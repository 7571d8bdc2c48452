"""The search for records at fault: what is tried next, and when it is not the records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._bisection import Bisection, Course, suspected
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._split import halves_by_records


def _chunk(records: int) -> Chunk:
    data = bytearray(b"\n" * records)
    return Chunk(1, data, size_bytes=records, records=records, counted=records)


def test_a_refused_batch_is_halved_and_a_refused_record_given_up() -> None:
    bisection = Bisection()

    assert [Course.HALVE, Course.GIVE_UP] == [bisection.refused(_chunk(2)), bisection.refused(_chunk(1))]


def test_when_one_half_is_taken_the_other_is_halved_unsent() -> None:
    bisection = Bisection()
    whole = _chunk(8)
    bisection.refused(whole)
    first, second = halves_by_records(whole)
    bisection.suspect(whole, (first, second))
    assert not bisection.is_certain(second)

    bisection.taken(first)

    assert bisection.is_certain(second)


def test_fourteen_refusals_in_a_row_are_a_setting() -> None:
    bisection = Bisection()
    courses = [bisection.refused(_chunk(1)) for _ in range(15)]

    assert [Course.GIVE_UP] * 13 + [Course.PARK] * 2 == courses


def test_a_batch_that_is_taken_in_between_shows_that_it_is_the_records() -> None:
    bisection = Bisection()
    for _ in range(13):
        bisection.refused(_chunk(1))
    bisection.taken(_chunk(1))

    assert Course.GIVE_UP is bisection.refused(_chunk(1))


def test_parts_of_a_parked_batch_are_ordinary_again() -> None:
    bisection = Bisection()
    whole = _chunk(8)
    bisection.refused(whole)
    halves = halves_by_records(whole)
    bisection.suspect(whole, halves)
    for _ in range(13):
        bisection.refused(_chunk(1))

    assert Course.PARK is bisection.refused(halves[0])

    assert suspected(halves[1]) is None


@pytest.mark.parametrize("records", [2, 3, 1000])
@given(st.randoms())
def test_no_batch_is_asked_about_more_than_32_times(records: int, random: object) -> None:
    choose = random.random  # type: ignore[attr-defined]
    bisection = Bisection()
    whole = _chunk(records)
    bisection.refused(whole)
    parts = list(halves_by_records(whole))
    bisection.suspect(whole, (parts[0], parts[1]))
    requests = 0
    while parts:
        part = parts.pop(0)
        if not bisection.is_certain(part):
            requests += 1
            if choose() < 0.4:
                bisection.taken(part)
                continue
            course = bisection.refused(part)
            if course is Course.PARK:
                break
            if course is Course.GIVE_UP:
                continue
            unsent = False
        else:
            unsent = True
        halves = halves_by_records(part)
        bisection.suspect(part, halves, unsent=unsent)
        parts += halves

    assert requests <= 32
