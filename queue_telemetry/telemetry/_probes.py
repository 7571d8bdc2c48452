"""Runs the users' broker probes: each on a thread of its own, never twice at a time, in one process of the host."""

import inspect
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import BackgroundLoop, Clock, OwnedLock, say
from queue_telemetry.metrics import plain_number
from queue_telemetry.processes import Ownership
from queue_telemetry.tasks import BrokerProbe, BrokerProbes

__all__ = ["ProbeRunner"]

_STALE_AFTER: Final = 3  # intervals: a slow answer or two are no trouble
_UNKNOWN_AFTER: Final = 10
_LEAST_STALE_S: Final = 10.0
_LEAST_UNKNOWN_S: Final = 30.0
_ASK_OWNER_EACH_S: Final = 5.0  # so soon does another process take over


class ProbeRunner:
    """The probes of one telemetry in one process. Ticked once a second.

    A probe that hangs keeps its thread and nothing else: its value turns stale, then unknown, nobody waits for it, and
    no second one is started beside it. Not fork-aware: a child makes its own and forgets this one.

    Args:
        probes: The registered ones; those that are registered later are found by the next tick.
        clock: The clocks.
    """

    def __init__(self, probes: BrokerProbes, clock: Clock) -> None:
        self._probes = probes
        self._clock = clock
        self._interval_s = 15.0
        self._state_dir: Path | None = None
        self._service = ""
        self._runs: dict[str, _Run] = {}
        self._stopped = False
        self._ticking = OwnedLock()  # one thread starts threads
        self._former: list[_Run] = []  # stopped, and perhaps still in a call that hangs

    def adopt(self, interval_s: float, state_dir: Path | None, service: str | None) -> None:
        """Ask at this interval from now on, and agree with the processes of this service in this folder."""
        if (state_dir, service or "") != (self._state_dir, self._service):
            self.stop()
        self._interval_s, self._state_dir, self._service = interval_s, state_dir, service or ""
        self._stopped = False

    def tick(self) -> None:
        """Start what is to run here and notice what is overdue."""
        if not self._stopped:
            self._ticking.run(0.0, self._tick, otherwise=False)

    def _tick(self) -> bool:
        for probe in self._probes.all():
            run = self._runs.get(probe.name)
            if run is None:
                if any(former.name == probe.name and former.alive for former in self._former):
                    continue
                duty = f"{probe.name} {self._service}"
                run = self._runs[probe.name] = _Run(probe, Ownership(self._state_dir, duty), self._clock)
            run.tick(self._interval_s)
        self._former = [run for run in self._former if run.alive]
        if self._stopped:  # meanwhile, by another thread, which did not see every run
            self.stop()
        return True

    def stop(self) -> None:
        """Start no further call until `adopt`, and leave the duty to other processes. Waits for nothing."""
        self._stopped = True
        runs, self._runs = list(self._runs.values()), {}
        for run in runs:
            run.stop()
        self._former += [run for run in runs if run.alive]

    def forget(self) -> None:
        """In a forked child: close the copies of the parent's locks."""
        for run in list(self._runs.values()):
            run.ownership.forget()

    def stale(self) -> frozenset[str]:
        """Return the probes whose last answer is overdue, by name; only those that run in this process."""
        return frozenset(run.name for run in list(self._runs.values()) if run.is_stale)

    def stats(self) -> dict[str, object]:
        """Return how many probes there are and run here, and how many calls failed; empty without any."""
        runs = list(self._runs.values())
        if not runs:
            return {}
        return {
            "registered": len(runs),
            "owned": sum(run.owned for run in runs),
            "answers": sum(run.answers for run in runs),
            "failures": sum(run.failures for run in runs),
        }


class _Run:
    """One probe in this process.

    Attributes:
        name: The probe's.
        ownership: Whether it is this process that asks.
        owned: The same, as known last.
        is_stale: The last answer is overdue.
        answers: Calls that brought one.
        failures: Calls that did not.
    """

    def __init__(self, probe: BrokerProbe, ownership: Ownership, clock: Clock) -> None:
        self.name = probe.name
        self.ownership = ownership
        self.owned = False
        self.is_stale = False
        self.answers = 0
        self.failures = 0
        self._probe = probe
        self._clock = clock
        self._interval_s = 0.0
        self._loop: BackgroundLoop | None = None
        self._stopped = False
        self._answered_s = 0.0
        self._first_s = 0.0
        self._ask_owner_s = float("-inf")

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._loop is not None and self._loop.alive

    def tick(self, interval_s: float) -> None:
        """See whose turn it is, start the thread, notice that an answer is overdue."""
        now_s, self._interval_s = self._clock.monotonic(), interval_s
        if now_s >= self._ask_owner_s:
            self._ask_owner_s = now_s + _ASK_OWNER_EACH_S
            owned = self.ownership.take()
            if owned and not self.owned:
                self._answered_s = now_s  # from here on it is this process that owes an answer
                self._first_s = now_s + self._wait_after_others()
            self.owned = owned
        if not self.owned:
            self.is_stale = False
            return
        if not self.alive:
            self._loop = BackgroundLoop("queue_telemetry-probe", self._step, calls_user=True)
            self._loop.start()  # where that cannot be, the next tick tries again
        silent_s = now_s - self._answered_s
        self.is_stale = silent_s > max(_STALE_AFTER * interval_s, _LEAST_STALE_S)
        if silent_s > max(_UNKNOWN_AFTER * interval_s, _LEAST_UNKNOWN_S):
            self._probe.gauge.forget()
        if self._stopped:  # meanwhile, by another thread
            self.stop()

    def stop(self) -> None:
        """Start no further call; what the present one brings is not wanted. Waits for nothing."""
        self._stopped = True
        self.owned = self.is_stale = False
        if self._loop is not None:
            self._loop.stop(0.0)
        self.ownership.release()

    def _wait_after_others(self) -> float:
        """Return how long the answer of another process is still new: children that live for one job ask no oftener."""
        done_at_s = self.ownership.done_at_s()
        ago_s = self._interval_s if done_at_s is None else self._clock.time() - done_at_s
        return min(max(self._interval_s - ago_s, 0.0), self._interval_s)

    def _step(self) -> float:
        early_s = self._first_s - self._clock.monotonic()
        if early_s > 0:
            return early_s
        if self.owned:
            self.ownership.note_done()  # begun, so that one that kills its process is not called on and on
            self._ask()
        return self._interval_s

    def _ask(self) -> None:
        function = self._probe.function
        try:
            answer: object = function()
        except BaseException as error:  # noqa: BLE001 - the user's own function, which may end a thread by SystemExit too
            self._fail("%s", type(error).__name__)
            return
        number = plain_number(answer)
        if self._stopped:
            return
        if answer is None:
            self._probe.gauge.forget()
        elif number is not None and number >= 0:
            self._probe.gauge.set(number)
        else:
            if inspect.iscoroutine(answer):
                answer.close()
            is_awaitable = inspect.isawaitable(answer)
            hint = "call .set() from your own loop instead" if is_awaitable else "a number from 0 on is one"
            self._fail("it returned a %s; %s", type(answer).__name__, hint)
            return
        self.answers += 1
        self._answered_s = self._clock.monotonic()

    def _fail(self, message: str, *args: object) -> None:
        self.failures += 1
        say("probe", f"the probe %s has no answer: {message}", self.name, *args)
