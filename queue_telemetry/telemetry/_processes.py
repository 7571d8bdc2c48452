"""What one telemetry tells the other processes of its service and host, and what it knows of them."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from queue_telemetry._runtime import Clock, OwnedLock, say
from queue_telemetry.healthcheck.household import Household, Others, add_dead, lost_runs
from queue_telemetry.healthcheck.present import Present, facts_as_json
from queue_telemetry.healthcheck.together import from_outside, together
from queue_telemetry.metrics import CATALOG, Batch, Series, Snapshot, Summary, merge
from queue_telemetry.processes import Life, Slot, fold, forget_unused, is_crowded, is_due
from queue_telemetry.tasks import Reason, TaskSeries
from queue_telemetry.telemetry._collection import Collection

__all__ = ["Processes"]

_FRESH_S: Final = 1.0  # for so long what others told is taken for what they would tell now
_TOUCH_S: Final = 5.0  # silence for some times as long is a bad sign
_LOCK_WAIT_S: Final = 1.0  # what is done under the lock takes milliseconds
_LOOK_SHARE: Final = 0.05  # of a thread's time, at most, for looks at what others counted
_RENEWED_FOR_S: Final = 60.0  # after somebody asked, the ticker looks again by itself
_OVERDUE: Final = 3  # looks that the ticker missed: who asks looks for itself then
_SHORT_WAIT_S: Final = 0.2  # for what is as well done a second later
_FOLD_WAIT_S: Final = 0.5  # another process that folds takes milliseconds too
_CHEAP_S: Final = 0.0005  # of a task's time
_SHARE: Final = 0.1  # of the time of a process that tells after each task, at most, where it is not cheap
_MINUTE_S: Final = 60.0
_FAILED: Final = CATALOG["queue.tasks.failed"]


class Processes:
    """The processes of one service on one host, as seen from one of them. Not fork-aware: a child makes its own.

    The lock guards the life that others are told of and what was read of theirs; files are written and read under it. A
    thread that has it already, in a signal handler, goes without.

    Args:
        collection: Has what was counted.
        clock: The clocks.
        present: Tells the present of this process.
    """

    def __init__(self, collection: Collection, clock: Clock, present: Callable[[], Present]) -> None:
        self._collection = collection
        self._clock = clock
        self._present = present
        self._lock = OwnedLock()
        self._slot: Slot | None = None
        self._life: Life | None = None
        self._household: Household | None = None
        self._others = Others()
        self._rest: Present | None = None  # the living others as one
        self._looked_s = float("-inf")
        self._look_each_s = _FRESH_S
        self._heard: tuple[Present, ...] = ()
        self._heard_s = float("-inf")
        self._asked_s = float("-inf")
        self._told: tuple[Summary, dict[str, object]] | None = None
        self._told_s = float("-inf")
        self._task_told_s = float("-inf")
        self._task_cost_s = 0.0
        self._body: tuple[Summary, bytes] | None = None
        self._read: tuple[Summary, Others, int, Snapshot] | None = None
        self._forgot = False

    def enter(self, slot: Slot | None, service: str | None) -> None:
        """Tell in *slot* from now on; None where nobody can be told. What was told elsewhere goes on there."""
        with self._lock.held(_LOCK_WAIT_S):
            life = self._life
            if life is None or life.ended:
                if life is not None:
                    self._collection.begin_anew()  # what was counted so far is with the dead
                life = self._life = Life(service)
            life.service = service
            self._slot = slot
            self._household = None if slot is None else Household(slot.folder.parent, service)
            self._others, self._rest, self._looked_s, self._told = Others(), None, float("-inf"), None
            self._heard, self._heard_s = (), float("-inf")
            if slot is None:
                life.withdraw()
            elif life.told:
                self._tell(slot, life)

    def tick(self) -> None:
        """Once a second: tell what is new, and move what the dead left into the archive."""
        self.tell()
        slot, life = self._slot, self._life
        if slot is None or life is None or life.ended:
            return
        now_s = self._clock.monotonic()
        if now_s - self._asked_s < _RENEWED_FOR_S and now_s - self._looked_s >= self._look_each_s:
            self._lock.run(_SHORT_WAIT_S, self._look_again, otherwise=False)
        state_dir = slot.folder.parent
        if is_due(state_dir, life.service):
            self._fold(slot, life, wait_s=0.0)
        if not self._forgot:
            self._forgot = True
            forget_unused(state_dir)

    def tell(self) -> bool:
        """Tell the others if something is new; False when they could not be told."""
        return self._lock.run(_SHORT_WAIT_S, self._tell_news, otherwise=False)

    def after_task(self, flush_task: Callable[[TaskSeries], None]) -> Callable[[TaskSeries], None]:
        """Return *flush_task* with telling the others behind it: the process may end at once, and say nothing more.

        Always where that is cheap, as it is in a process that ran few types, and where they would take the run for lost;
        else seldom enough to take a tenth of the time.
        """

        def flush_and_tell(series: TaskSeries) -> None:
            flush_task(series)
            began_s = self._clock.monotonic()
            is_due = began_s - self._task_told_s > self._task_cost_s / _SHARE
            if self._task_cost_s < _CHEAP_S or is_due or self._is_told_in_flight(series):
                self._lock.run(_LOCK_WAIT_S, self._tell_news, otherwise=False)
                self._task_told_s = self._clock.monotonic()
                self._task_cost_s = self._task_told_s - began_s

        return flush_and_tell

    def _is_told_in_flight(self, series: TaskSeries) -> bool:
        """Tell whether others know of runs of a series, of which none is left: so once after a tick in one's midst."""
        told = self._told
        return told is not None and (series.queue, series.type) in told[0].running and not series.in_flight()

    def end(self) -> None:
        """Tell the others that this life is over, and all that it counted. Its slot is still to be held."""
        self._lock.run(_LOCK_WAIT_S, self._tell_end, otherwise=False)

    def hear(self, own: Present) -> Present:
        """Return the present of all processes, with what holds by the others: cheap, since no counts are read."""
        if self._clock.monotonic() - max(self._heard_s, self._looked_s) >= _FRESH_S:
            self._lock.run(_SHORT_WAIT_S, self._hear_again, otherwise=False)
        if not self._heard:
            return replace(own, settled=None)
        rest = from_outside(self._heard)
        return replace(together(own, [rest]), settled=rest.settled)

    def is_asked(self) -> None:
        """Note that somebody asks for all: what others counted is renewed in the background for a while."""
        self._asked_s = self._clock.monotonic()

    def together(self, snapshot: Snapshot, own: Present) -> tuple[Snapshot, Present, int]:
        """Return the stats and the present of all processes, and how many they are.

        Args:
            snapshot: The stats of this process.
            own: Its present.
        """
        others = self._look()
        if others.summary.started_s is not None or self._is_over:
            snapshot = self._merged_snapshot(others) or snapshot
        processes = others.processes | {(os.getpid(), 0 if self._life is None else self._life.start_ticks)}
        telemetry = {**own.facts.telemetry, "processes": self._stats(others)}
        own = replace(own, facts=replace(own.facts, telemetry=telemetry))
        return snapshot, own if self._rest is None else together(own, [self._rest]), len(processes)

    def summary(self) -> Summary:
        """Return what all processes counted."""
        others = self._look()
        own = None if self._is_over else self._collection.summary()
        return others.summary if own is None else merge((own, others.summary))

    @property
    def _is_over(self) -> bool:
        """Whether what this process counted is read from its own last word, as that of others."""
        return self._life is not None and self._life.ended

    def _tell_news(self) -> bool:
        slot, life = self._slot, self._life
        if slot is None or life is None or life.ended:
            return life is not None and life.ended
        comes, told = not life.told, self._tell(slot, life)
        if comes and is_crowded(slot.folder.parent, life.service):
            self._fold(slot, life, wait_s=_FOLD_WAIT_S)
        return told

    def _tell_end(self) -> bool:
        slot, life = self._slot, self._life
        if slot is None or life is None or life.ended:
            return False
        if not life.told and not self._collection.ran:
            return True  # a process that did nothing has nothing to leave
        self._looked_s = float("-inf")  # what was read of the others leaves out what this one counted
        return self._tell(slot, life, ended=True)

    def _tell(self, slot: Slot, life: Life, *, ended: bool = False) -> bool:
        now_s = self._clock.monotonic()
        summary = self._collection.summary()
        if summary is None:
            return False
        facts = facts_as_json(self._present(), now_s)
        news = {
            key: value for key, value in facts.items() if key != "telemetry"
        }  # that is of interest with others
        if not ended and self._told is not None and self._told[0] is summary and self._told[1] == news:
            if now_s - self._told_s < _TOUCH_S:
                return True
            self._told_s = now_s
            if life.touch():
                return True
        if self._body is None or self._body[0] is not summary:
            self._body = summary, summary.to_json()
        told = life.publish(slot, facts, self._body[1], now_s=now_s, ended=ended)
        self._told, self._told_s = (summary, news) if told else None, now_s
        return told

    def _fold(self, slot: Slot, life: Life, *, wait_s: float) -> None:
        """Archive the dead; what they had in flight is lost, which is sent too, once."""
        merge_in = partial(add_dead, now_s=self._clock.monotonic(), epoch_s=self._clock.time())
        try:
            dead = fold(slot.folder.parent, life.service, merge_in, wait_s=wait_s)
        except OSError as error:
            say("fold", "what dead processes left stays where it is: %s", error)
            return
        lost = lost_runs(dead or ())
        if lost:
            batch = Batch()
            for (queue, type_), number in lost.items():
                batch.counters.append((Series(_FAILED, (queue, type_, "", Reason.LOST)), number, number))
            self._collection.pass_on(batch)

    def _look(self) -> Others:
        if self._clock.monotonic() - self._looked_s >= _OVERDUE * self._look_each_s:
            self._lock.run(_SHORT_WAIT_S, self._look_again, otherwise=False)
        return self._others

    def _hear_again(self) -> bool:
        now_s = self._clock.monotonic()
        household, life = self._household, self._life
        if household is not None and life is not None:
            without = None if life.ended else life.token
            self._heard = household.hear(now_s, self._clock.time(), without=without)
        self._heard_s = now_s
        return True

    def _look_again(self) -> bool:
        now_s = self._clock.monotonic()
        household, life = self._household, self._life
        if now_s - self._looked_s >= self._look_each_s and household is not None and life is not None:
            self._others = household.look(
                now_s, self._clock.time(), without=None if life.ended else life.token
            )
            self._rest = from_outside(self._others.living) if self._others.living else None
            self._heard = self._others.living
            self._look_each_s = max(_FRESH_S, (self._clock.monotonic() - now_s) / _LOOK_SHARE)
        self._looked_s = now_s
        return True

    def _stats(self, others: Others) -> dict[str, object]:
        """Return who else there is, and what went wrong."""
        return {
            "others": len(others.living),
            "archived": others.archived,
            "unusable": others.unusable,
            "unpublished": 0 if self._life is None else self._life.failures,
        }

    def _merged_snapshot(self, others: Others) -> Snapshot | None:
        now_s, own = self._clock.monotonic(), self._collection.summary()
        minute, read = int(now_s // _MINUTE_S), self._read
        if own is None:
            return None if read is None else read[3]
        if read is None or read[0] is not own or read[1] is not others or read[2] != minute:
            whole = others.summary if self._is_over else merge((own, others.summary))
            self._read = read = (own, others, minute, whole.snapshot(now_s, self._clock.time()))
        return read[3]
