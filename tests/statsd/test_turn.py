import threading

from queue_telemetry.statsd._turn import Turn


def test_turn_is_had_by_one_at_a_time() -> None:
    turn = Turn()
    got: list[bool] = []
    first = turn.take(0.0)
    other = threading.Thread(target=lambda: got.append(turn.take(0.0)))
    other.start()
    other.join(5.0)

    assert first
    assert got == [False]


def test_thread_that_has_it_is_told_no_at_once() -> None:
    turn = Turn()
    turn.take(0.0)

    assert not turn.take(float("inf"))


def test_ended_turn_can_be_taken_again() -> None:
    turn = Turn()
    turn.take(0.0)
    turn.end()

    assert turn.take(0.0)
