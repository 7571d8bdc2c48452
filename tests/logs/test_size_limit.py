"""The learned size of a request."""

from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._size_limit import SizeLimit


def test_no_limit_is_met_before_the_first_refusal() -> None:
    assert SizeLimit(1000).cap_bytes is None


def test_a_refused_size_is_remembered_less_a_tenth() -> None:
    limit = SizeLimit(1000)

    limit.refused(1000)
    limit.refused(500)
    limit.refused(800)

    assert 450 == limit.cap_bytes


def test_the_limit_is_felt_for_anew_after_a_hundred_successes_near_it() -> None:
    limit = SizeLimit(1000)
    limit.refused(500)
    for _ in range(99):
        limit.taken(400)
    limit.taken(100)
    assert 450 == limit.cap_bytes

    limit.taken(400)

    assert 496 == limit.cap_bytes


def test_a_limit_that_has_risen_to_a_whole_batch_is_none() -> None:
    limit = SizeLimit(500)
    limit.refused(510)

    for _ in range(100):
        limit.taken(459)

    assert limit.cap_bytes is None


def test_one_refusal_of_a_small_record_is_made_up_for_in_a_few_dozen_requests() -> None:
    limit = SizeLimit(1 << 20)
    limit.refused(400, alone=True)

    requests = 0
    while limit.cap_bytes is not None:
        limit.taken(max(limit.cap_bytes // 400 * 400, 400))
        requests += 1

    assert requests <= 40


def test_a_raised_limit_that_is_taken_leaps_on_and_one_that_is_refused_falls_back_to_what_was_taken() -> None:
    limit = SizeLimit(100_000)
    limit.refused(1000)
    for _ in range(100):
        limit.taken(900)
    assert 991 == limit.cap_bytes
    for _ in range(3):
        limit.taken(991)
    assert 1983 == limit.cap_bytes

    limit.refused(1983)

    assert 991 == limit.cap_bytes
    for _ in range(99):
        limit.taken(991)
    assert 991 == limit.cap_bytes


@given(st.integers(1_000, 1_000_000), st.integers(1, 1_000))
def test_after_a_small_record_was_refused_any_limit_is_found_with_few_refusals(
    true_limit: int, record: int
) -> None:
    limit = SizeLimit(1_000_000)
    limit.refused(record, alone=True)
    refused = 0
    for _ in range(100):
        size = limit.cap_bytes or 1_000_000
        if size > true_limit:
            limit.refused(size)
            refused += 1
        else:
            limit.taken(size)

    assert refused <= 2
    assert (limit.cap_bytes or 1_000_000) >= min(true_limit, 1_000_000) * 0.4


@given(st.integers(1, 1_000_000))
def test_few_requests_are_refused_until_any_limit_is_known(true_limit: int) -> None:
    limit = SizeLimit(1_000_000)
    refused = 0
    size = 1_000_000
    while size > true_limit:
        limit.refused(size)
        refused += 1
        size = size // 2 if refused < 20 and size // 2 > true_limit else limit.cap_bytes or 0

    assert refused <= 40
    assert (limit.cap_bytes or 1_000_000) >= true_limit * 0.9 - 1
