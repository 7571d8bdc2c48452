import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from queue_telemetry.healthcheck import Present, ProcessFacts, Thresholds
from queue_telemetry.healthcheck.household import Household, add_dead, lost_runs
from queue_telemetry.healthcheck.present import facts_as_json
from queue_telemetry.metrics import Running, SeriesKey, Summary
from queue_telemetry.processes import LastWord, Life, Slot, State, acquire, fold

_STARTED = SeriesKey("queue.tasks.started", ("queue", "type"), ("mail", "send"))
_FAILED = SeriesKey(
    "queue.tasks.failed", ("queue", "type", "error_type", "reason"), ("mail", "send", "", "lost")
)


class _Process:
    """A life in this process that tells of itself as one in another process would."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.life = Life("billing")

    def tell(self, started: int, in_flight: int = 0, *, ended: bool = False, ticking: bool = True) -> None:
        facts = ProcessFacts(
            collected=True,
            draining=False,
            active_workers=1,
            slots_used=0,
            slots_total=1,
            in_flight=in_flight,
            longest_running_s=None,
            heartbeat_age_s=None,
            configuration_invalid=False,
            telemetry={},
            telemetry_failing=frozenset(),
            now_s=0.0,
            service="billing",
            version=None,
        )
        summary = Summary(
            started_s=1.0,
            counters={_STARTED: started},
            running={("mail", "send"): Running(in_flight, None)} if in_flight else {},
        )
        now_s = time.monotonic()
        told = facts_as_json(Present(facts, Thresholds(), ticking), now_s)
        assert self.life.publish(self.slot, told, summary.to_json(), now_s=now_s, ended=ended)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[], _Process]]:
    with ExitStack() as stack:

        def one() -> _Process:
            slot = acquire(tmp_path)
            assert slot is not None
            return _Process(stack.enter_context(closing(slot)))

        yield one


@pytest.fixture
def household(tmp_path: Path) -> Household:
    return Household(tmp_path, "billing")


def _add_dead(archive: bytes, dead: object) -> bytes:
    return add_dead(archive, dead, now_s=time.monotonic(), epoch_s=time.time())  # type: ignore[arg-type] # states


def test_nobody_is_there_at_first(household: Household) -> None:
    others = household.look(time.monotonic(), time.time())

    assert ((), Summary(), 0, 0) == (others.living, others.summary, others.archived, others.unusable)


def test_the_living_and_the_dead_add_up_and_runs_of_the_dead_are_lost(
    household: Household, begin: Callable[[], _Process]
) -> None:
    one, other, ended = begin(), begin(), begin()
    one.tell(10, in_flight=2)
    other.tell(100, in_flight=3)
    ended.tell(1000, in_flight=4, ended=True)
    other.slot.close()
    ended.slot.close()

    others = household.look(time.monotonic(), time.time())

    assert 1 == len(others.living)
    assert {(os.getpid(), one.life.start_ticks)} == others.processes
    assert {_STARTED: 1110, _FAILED: 3} == others.summary.counters
    assert {("mail", "send"): Running(2, None)} == others.summary.running


def test_it_is_the_same_before_and_after_the_dead_are_archived(
    household: Household, begin: Callable[[], _Process], tmp_path: Path
) -> None:
    for started in (1, 10, 100):
        process = begin()
        process.tell(started, in_flight=1)
        process.slot.close()
    before = household.look(time.monotonic(), time.time())

    dead = fold(tmp_path, "billing", _add_dead, wait_s=0.0)

    after = household.look(time.monotonic(), time.time())
    assert before.summary.counters == after.summary.counters == {_STARTED: 111, _FAILED: 3}
    assert (0, 3) == (before.archived, after.archived)
    assert {("mail", "send"): 3} == lost_runs(dead or ())


def test_who_asks_is_left_out(household: Household, begin: Callable[[], _Process]) -> None:
    own, other = begin(), begin()
    own.tell(1)
    other.tell(10)

    others = household.look(time.monotonic(), time.time(), without=own.life.token)

    assert {_STARTED: 10} == others.summary.counters
    assert 1 == len(others.living)


def test_what_cannot_be_read_is_counted_and_passed_over(
    household: Household, begin: Callable[[], _Process], tmp_path: Path
) -> None:
    good, bad_body, bad_facts = begin(), begin(), begin()
    good.tell(1)
    bad_body.life.publish(bad_body.slot, {}, b"nonsense", now_s=1.0)
    bad_facts.life.publish(bad_facts.slot, {}, Summary().to_json(), now_s=1.0)

    others = household.look(time.monotonic(), time.time())

    assert (1, 2) == (len(others.living), others.unusable)
    assert b"" != _add_dead(b"nonsense", [LastWord(State.decode(_state(tmp_path, good)), time.time())])


def _state(tmp_path: Path, process: _Process) -> bytes:
    from queue_telemetry.processes._two_copies import read_newest

    (file,) = (tmp_path / "slots").glob(f"*{process.life.token}.state")
    return read_newest(file)


@pytest.mark.parametrize(("ticking", "expected"), [(True, True), (False, False)])
def test_a_process_that_hangs_as_a_whole_is_stale(
    household: Household, begin: Callable[[], _Process], tmp_path: Path, ticking: bool, expected: bool
) -> None:
    """Not even the thread runs that tells of it, where there is one."""
    process = begin()
    process.tell(1, ticking=ticking)
    (file,) = (tmp_path / "slots").glob("*.state")
    later_s = time.monotonic() + 100
    os.utime(file, (time.time() - 100, time.time() - 100))

    (present,) = household.look(later_s, time.time()).living

    assert expected is ((present.facts.heartbeat_age_s or 0) > 60)


def test_a_death_is_as_late_as_the_last_sign_of_life(
    household: Household, begin: Callable[[], _Process], tmp_path: Path
) -> None:
    """One that told nothing new for hours lost its runs now, and not in an hour that is over."""
    process = begin()
    process.tell(1, in_flight=3)
    process.life.touch()
    process.slot.close()
    now_s, epoch_s = time.monotonic() + 4000, time.time()  # told long ago, and touched just now

    before = household.look(now_s, epoch_s).summary
    fold(tmp_path, "billing", partial(add_dead, now_s=now_s, epoch_s=epoch_s), wait_s=0.0)
    after = household.look(now_s, epoch_s).summary

    assert [3, 3] == [one.snapshot(now_s, epoch_s).failed_1h for one in (before, after)]


@pytest.mark.parametrize("turned_s", [-4000.0, 4000.0])
def test_a_clock_that_is_turned_moves_no_death_out_of_the_time_it_can_have_been_in(
    begin: Callable[[], _Process], household: Household, turned_s: float
) -> None:
    process = begin()
    process.tell(1, in_flight=3)
    process.slot.close()
    now_s = time.monotonic()

    summary = household.look(now_s, time.time() + turned_s).summary

    assert [int(now_s // 60)] == pytest.approx(list(summary.failed), abs=1)


def test_a_process_that_gives_signs_of_life_is_not_stale(
    household: Household, begin: Callable[[], _Process]
) -> None:
    process = begin()
    process.tell(1)
    process.life.touch()

    (present,) = household.look(time.monotonic() + 100, time.time()).living

    assert present.facts.heartbeat_age_s is None


def test_who_only_listens_hears_the_living_but_the_one_that_asks_and_reads_no_counts(
    begin: Callable[[], _Process], household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other, dead = begin(), begin(), begin()
    own.tell(1)
    other.tell(2, in_flight=2)
    dead.tell(3)
    dead.slot.close()
    monkeypatch.setattr(Summary, "from_json", None)  # to read counts would fail

    heard = household.hear(time.monotonic(), time.time(), without=own.life.token)

    assert [2] == [present.facts.in_flight for present in heard]
