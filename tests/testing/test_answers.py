"""Answers come in the order in which they were asked for, then 200 again."""

from queue_telemetry.testing._answers import Answer, AnswerScript


def test_answers_are_taken_in_order_then_200() -> None:
    script = AnswerScript()
    script.add(Answer(503), Answer(None))
    script.add(Answer(429, {"Retry-After": "1"}))

    assert [503, None, 429, 200, 200] == [script.take().status for _ in range(5)]
