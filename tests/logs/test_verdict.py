"""What statuses and failures mean for a batch."""

import pytest

from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._verdict import Action, Verdict, excerpt_of, judge, read_status


@pytest.mark.parametrize(
    ("action", "statuses"),
    [
        (Action.DECIDED, (200, 201, 202, 204)),
        (Action.RETRY, (408, 425, 429, 500, 502, 503, 504, 507, 511, 599)),
        (Action.PARK, (301, 302, 307, 401, 402, 403, 404, 405, 407, 415, 501, 505)),
        (Action.SPLIT, (413,)),
        (Action.BISECT, (400, 406, 422, 409, 410, 451)),
    ],
)
def test_statuses_are_judged(action: Action, statuses: tuple[int, ...]) -> None:
    assert {action} == {judge(status) for status in statuses}


@pytest.mark.parametrize("failure", Failure)
def test_without_an_answer_the_batch_is_kept_and_parked_when_a_setting_is_at_fault(failure: Failure) -> None:
    parked = failure in {Failure.TLS, Failure.PROXY}

    assert Verdict(Action.PARK if parked else Action.RETRY) == read_status(Answer(None, failure))


def test_a_refusal_says_why_and_a_success_nothing() -> None:
    assert "too odd" == read_status(Answer(400, body=b" too\n\todd ")).excerpt
    assert "" == read_status(Answer(200, body=b"ok")).excerpt


@pytest.mark.parametrize("said", [b"\xff\xfe" + b"x" * 10_000, "x\n" * 5_000], ids=["bytes", "text"])
def test_an_excerpt_is_one_short_line(said: bytes | str) -> None:
    excerpt = excerpt_of(said)

    assert "\n" not in excerpt
    assert 0 < len(excerpt) <= 500
