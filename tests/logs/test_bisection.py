"""The search for records at fault: what is tried next, and when it is not the records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._bisection import Bisection, Course, suspected
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._split import halves_by_records


def _trusted() -> Bisection:
    """One whose destination took something already."""
    bisection = Bisection()
    bisection.taken(_chunk(1))
    return bisection


def _chunk(records: int) -> Chunk:
    data = bytearray(b"\n" * records)
    return Chunk(1, data, size_bytes=records, records=records)


def _refused(bisection: Bisection, chunk: Chunk) -> Course:
    return bisection.refused(chunk, others=True)


def test_a_refused_batch_is_halved_and_a_refused_record_given_up() -> None:
    bisection = _trusted()

    assert [Course.HALVE, Course.GIVE_UP] == [_refused(bisection, _chunk(2)), _refused(bisection, _chunk(1))]


def test_before_a_destination_took_anything_nothing_is_given_up() -> None:
    bisection = Bisection()

    courses = [bisection.refused(_chunk(records), others=True) for records in (1, 2, 1, 1)]

    assert [Course.LATER, Course.HALVE, Course.PARK, Course.PARK] == courses


def test_the_first_record_of_all_parks_at_once_when_no_other_can_tell() -> None:
    assert Course.PARK is Bisection().refused(_chunk(1), others=False)


def test_the_first_record_of_all_is_given_up_once_another_was_taken() -> None:
    bisection = Bisection()
    first = _chunk(1)
    assert Course.LATER is bisection.refused(first, others=True)

    bisection.taken(_chunk(1))

    assert Course.GIVE_UP is _refused(bisection, first)


def test_once_others_were_taken_what_was_parked_is_searched_through() -> None:
    bisection = _trusted()
    chunks = [_chunk(1) for _ in range(70)]
    while Course.PARK is not _refused(bisection, chunks[-1]):
        pass
    assert [Course.PARK] * 3 == [_refused(bisection, _chunk(1)) for _ in range(3)], "a probe is not given up"

    bisection.taken(_chunk(1))

    for chunk in chunks:
        chunk.doubted = True
    courses = [_refused(bisection, chunk) for chunk in chunks]
    assert [Course.GIVE_UP] * 63 + [Course.PARK] * 7 == courses


def test_when_one_half_is_taken_the_other_is_halved_unsent() -> None:
    bisection = _trusted()
    whole = _chunk(8)
    _refused(bisection, whole)
    first, second = halves_by_records(whole)
    bisection.suspect(whole, (first, second))
    assert not bisection.is_certain(second)

    bisection.taken(first)

    assert bisection.is_certain(second)


def test_fourteen_refusals_in_a_row_are_a_setting() -> None:
    bisection = _trusted()
    courses = [_refused(bisection, _chunk(1)) for _ in range(15)]

    assert [Course.GIVE_UP] * 13 + [Course.PARK] * 2 == courses


def test_a_batch_that_is_taken_in_between_shows_that_it_is_the_records() -> None:
    bisection = _trusted()
    for _ in range(13):
        _refused(bisection, _chunk(1))
    bisection.taken(_chunk(1))

    assert Course.GIVE_UP is _refused(bisection, _chunk(1))


def test_parts_of_a_parked_batch_are_ordinary_again() -> None:
    bisection = _trusted()
    whole = _chunk(8)
    _refused(bisection, whole)
    halves = halves_by_records(whole)
    bisection.suspect(whole, halves)
    for _ in range(13):
        _refused(bisection, _chunk(1))

    assert Course.PARK is _refused(bisection, halves[0])

    assert suspected(halves[1]) is None


@pytest.mark.parametrize("records", [2, 3, 1000])
@given(st.randoms())
def test_no_batch_is_asked_about_more_than_32_times(records: int, random: object) -> None:
    choose = random.random  # type: ignore[attr-defined]
    bisection = _trusted()
    whole = _chunk(records)
    _refused(bisection, whole)
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
            course = _refused(bisection, part)
            if course is Course.PARK:
                break
            if course in {Course.GIVE_UP, Course.LATER}:
                continue
            unsent = False
        else:
            unsent = True
        halves = halves_by_records(part)
        bisection.suspect(part, halves, unsent=unsent)
        parts += halves

    assert requests <= 32
