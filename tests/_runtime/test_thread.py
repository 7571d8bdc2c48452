import sys
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from queue_telemetry._runtime import BackgroundLoop, is_guarded

_FOR_EVER_S = 3_600.0
_BOUND_S = 10.0
MakeLoop = Callable[[Callable[[], float]], BackgroundLoop]


@pytest.fixture
def make_loop() -> Generator[MakeLoop]:
    loops: list[BackgroundLoop] = []

    def make(step: Callable[[], float]) -> BackgroundLoop:
        loops.append(BackgroundLoop("loop-under-test", step))
        return loops[-1]

    yield make
    for loop in loops:
        assert loop.stop(_BOUND_S)


class Steps:
    """Counts steps, and tells when one was taken."""

    def __init__(self, *delays_s: float) -> None:
        self._delays_s = list(delays_s)
        self._taken = threading.Semaphore(0)

    def __call__(self) -> float:
        self._taken.release()
        return self._delays_s.pop(0) if self._delays_s else _FOR_EVER_S

    def wait(self, timeout_s: float = _BOUND_S) -> bool:
        return self._taken.acquire(timeout=timeout_s)


def test_it_steps_on_a_guarded_daemon_thread_of_its_name(make_loop: MakeLoop) -> None:
    seen: list[tuple[str, bool, bool]] = []
    stepped = threading.Event()

    def step() -> float:
        thread = threading.current_thread()
        seen.append((thread.name, thread.daemon, is_guarded()))
        stepped.set()
        return _FOR_EVER_S

    loop = make_loop(step)
    before = loop.alive
    assert loop.start()
    assert stepped.wait(_BOUND_S)
    assert (False, True) == (before, loop.alive)
    assert [("loop-under-test", True, True)] == seen


def test_it_waits_as_long_as_the_step_says(make_loop: MakeLoop) -> None:
    steps = Steps(0.001, 0.001, _FOR_EVER_S)
    make_loop(steps).start()

    assert [True, True, True] == [steps.wait() for _ in range(3)]
    assert not steps.wait(0.05)


def test_a_wake_ends_the_wait(make_loop: MakeLoop) -> None:
    steps = Steps()
    loop = make_loop(steps)
    loop.start()
    assert steps.wait()
    loop.wake()

    assert steps.wait()


def test_a_wake_during_a_step_skips_the_next_wait(make_loop: MakeLoop) -> None:
    steps = Steps()
    loop: BackgroundLoop

    def step() -> float:
        delay_s = steps()
        if not woken:
            woken.append(True)
            loop.wake()
        return delay_s

    woken: list[bool] = []
    loop = make_loop(step)
    loop.start()

    assert [True, True] == [steps.wait(), steps.wait()]


def test_a_fault_of_a_step_is_said_and_survived(make_loop: MakeLoop, said: list[str]) -> None:
    faults = [ValueError("secret"), KeyError("k")]
    steps = Steps()

    def step() -> float:
        if faults:
            raise faults.pop(0)
        return steps()

    loop = make_loop(step)
    loop.start()
    while not steps.wait(0.01):
        loop.wake()

    assert loop.alive
    assert ["loop-under-test: a step failed with ValueError"] == said


def test_a_stop_waits_for_the_present_step(make_loop: MakeLoop) -> None:
    entered, leave = threading.Event(), threading.Event()

    def step() -> float:
        entered.set()
        leave.wait(_BOUND_S)
        return _FOR_EVER_S

    loop = make_loop(step)
    loop.start()
    assert entered.wait(_BOUND_S)

    assert not loop.stop(0.01)
    assert not loop.stop(-1.0)
    assert loop.alive
    leave.set()
    assert loop.stop(_BOUND_S)
    assert not loop.alive


def test_a_stop_before_the_start_has_nothing_to_wait_for(make_loop: MakeLoop) -> None:
    assert make_loop(Steps()).stop(0.0)


def test_a_step_may_stop_its_own_loop(make_loop: MakeLoop) -> None:
    answers: list[bool] = []
    stopped = threading.Event()

    def step() -> float:
        answers.append(loop.stop(_BOUND_S))
        stopped.set()
        return _FOR_EVER_S

    loop = make_loop(step)
    loop.start()
    assert stopped.wait(_BOUND_S)

    assert loop.stop(_BOUND_S)
    assert [True] == answers


def test_a_process_without_threads_left_is_told(make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    steps = Steps()
    loop = make_loop(steps)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert not loop.start()
        assert not loop.alive
    assert loop.start()
    assert steps.wait()


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("line", range(5, 12))
def test_an_exception_anywhere_in_a_start_leaves_one_thread_at_most(make_loop: MakeLoop, line: int) -> None:
    steps = Steps()
    loop = make_loop(steps)

    def interrupt(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code is not BackgroundLoop.start.__code__:
            return None
        if event == "line" and frame.f_lineno - frame.f_code.co_firstlineno == line:
            sys.settrace(None)
            raise Interrupted
        return interrupt

    sys.settrace(interrupt)
    with suppress(Interrupted):
        loop.start()
    sys.settrace(None)
    assert loop.alive or loop.start()

    assert steps.wait()
    named = [thread for thread in threading.enumerate() if thread.name == "loop-under-test"]
    assert loop._thread in named
    for other in set(named) - {loop._thread}:
        other.join(_BOUND_S)
        assert not other.is_alive()


@pytest.mark.parametrize("calls_user", [False, True])
def test_records_of_the_users_code_are_shipped_and_those_of_the_library_are_not(calls_user: bool) -> None:
    guarded: list[bool] = []
    asked = threading.Event()

    def step() -> float:
        guarded.append(is_guarded())
        asked.set()
        return _FOR_EVER_S

    loop = BackgroundLoop("loop-under-test", step, calls_user=calls_user)
    assert loop.start()
    assert asked.wait(_BOUND_S)
    assert loop.stop(_BOUND_S)

    assert [not calls_user] == guarded
