"""What other processes of the host told, as presents and as one summary; the living, the dead and the long dead."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.healthcheck.present import Present, facts_from_json
from queue_telemetry.metrics.summary import Summary, merge
from queue_telemetry.metrics.summary_bounds import bounded
from queue_telemetry.metrics.tallies import Labels, added
from queue_telemetry.processes import CensusTaker, LastWord, State

__all__ = ["Household", "Others", "add_dead", "lost_runs"]

_SILENT_S: Final = 15.0  # some times as long as a ticking process keeps silent when nothing changes


@dataclass(frozen=True, slots=True)
class Others:
    """The other processes of one service on this host, at one moment.

    Attributes:
        living: The present of each living one, the one that told last at the end.
        processes: Which processes these are, by id and start.
        summary: What they, and those that died, counted.
        archived: Lives that are over and in the archive.
        unusable: Files that were passed over.
    """

    living: tuple[Present, ...] = ()
    processes: frozenset[tuple[int, int]] = frozenset()
    summary: Summary = field(default_factory=Summary)
    archived: int = 0
    unusable: int = 0


class Household:
    """Reads what the processes of one service told. Changes nothing. Not thread-safe.

    Remembers what it made of files that have not changed: a process that is idle costs a look at its file.

    Args:
        state_dir: A folder from `private_dir`.
        service: Whose processes.
    """

    def __init__(self, state_dir: Path, service: str | None) -> None:
        self._taker = CensusTaker(state_dir, service)
        self._service = service
        self._summaries: dict[tuple[str, int], Summary | None] = {}
        self._archive: tuple[bytes, Summary | None] = (b"", None)
        self._merged: tuple[list[Summary], Summary] = ([], Summary())

    def look(self, now_s: float, epoch_s: float, *, without: str | None = None) -> Others:
        """Return the others.

        Args:
            now_s: The present, monotonic seconds.
            epoch_s: The present, seconds since the epoch.
            without: The token of the life that asks and knows more of itself than its file tells; None for none.
        """
        census = self._taker.take()
        known, self._summaries = self._summaries, {}
        summaries: list[Summary] = []
        presents: list[tuple[float, Present]] = []
        processes: set[tuple[int, int]] = set()
        unusable = census.unusable
        for life in census.living:
            state = life.state
            if state.token == without:
                continue
            summary, present = self._summary(state, known), _heard(life, now_s, epoch_s)
            if summary is None or present is None:
                unusable += 1
                continue
            presents.append((state.published_s, present))
            processes.add((state.pid, state.start_ticks))
            summaries.append(summary)
        summaries += [
            _after_end(summary, life, now_s, epoch_s)
            for life in census.dead
            if life.state.token != without and (summary := self._summary(life.state, known)) is not None
        ]
        archive = census.archive
        if archive is not None:
            if self._archive[0] != archive.body:
                self._archive = archive.body, _read(archive.body)
            if self._archive[1] is None:
                unusable += 1
            else:
                summaries.append(self._archive[1])
        return Others(
            tuple(present for _, present in sorted(presents, key=lambda pair: pair[0])),
            frozenset(processes),
            self._merge(summaries),
            0 if archive is None else archive.lives,
            unusable,
        )

    def hear(self, now_s: float, epoch_s: float, *, without: str | None = None) -> tuple[Present, ...]:
        """Return the present of each other living one, the last to tell at the end: cheap, since no counts are read.

        Arguments as for `look`.
        """
        living = [life for life in self._taker.take().living if life.state.token != without]
        living.sort(key=lambda life: life.state.published_s)
        presents = (_heard(life, now_s, epoch_s) for life in living)
        return tuple(present for present in presents if present is not None)

    def _merge(self, summaries: list[Summary]) -> Summary:
        """Return all together; what was made of the same ones the last time."""
        before = self._merged[0]
        if len(before) != len(summaries) or any(
            one is not other for one, other in zip(before, summaries, strict=True)
        ):
            self._merged = summaries, merge(summaries)
        return self._merged[1]

    def _summary(self, state: State, known: dict[tuple[str, int], Summary | None]) -> Summary | None:
        key = state.token, state.sequence
        summary = known[key] if key in known else _read(state.body)
        self._summaries[key] = summary
        return summary


def add_dead(archive: bytes, dead: Sequence[LastWord], *, now_s: float, epoch_s: float) -> bytes:
    """Return the body of an archive with more dead in it, whose runs in flight failed, as lost.

    What cannot be read is passed over, which is said: it is damaged, or of another version of this package.

    Args:
        archive: The body so far; empty for none.
        dead: The last words of the dead.
        now_s: The present, monotonic seconds.
        epoch_s: The present, seconds since the epoch.
    """
    before = _read(archive) if archive else None
    ends = [
        _after_end(summary, life, now_s, epoch_s)
        for life in dead
        if (summary := _read(life.state.body)) is not None
    ]
    whole = merge(ends if before is None else [before, *ends])
    return bounded(whole, now_s, epoch_s).to_json()


def lost_runs(dead: Sequence[LastWord]) -> dict[Labels, int]:
    """Return how many runs the dead had in flight, by (queue, task type)."""
    return added(
        {labels: running.in_flight for labels, running in summary.running.items() if running.in_flight}
        for life in dead
        if not life.state.ended and (summary := _read(life.state.body)) is not None
    )


def _after_end(summary: Summary, life: LastWord, now_s: float, epoch_s: float) -> Summary:
    """Return what is left of a life: one that said that it ends had nobody's runs to lose."""
    if life.state.ended:
        return replace(summary, running={}, gauges={})
    touched_s = min(now_s, now_s - (epoch_s - life.touched_s))  # clocks are turned
    return summary.after_death(max(life.state.published_s, touched_s))


def _heard(life: LastWord, now_s: float, epoch_s: float) -> Present | None:
    state = life.state
    try:
        present = facts_from_json(state.facts, state.service, now_s, epoch_s)
    except ValueError as error:
        say("present", "what process %s tells is passed over: %s", state.pid, error)
        return None
    silent_s = min(now_s - state.published_s, epoch_s - life.touched_s)  # clocks are turned
    if not present.ticking or silent_s < _SILENT_S:
        return present
    # it hangs as a whole: not even its thread runs that tells the others
    age_s = max(silent_s, present.facts.heartbeat_age_s or 0.0)
    return replace(present, facts=replace(present.facts, heartbeat_age_s=age_s))


def _read(body: bytes) -> Summary | None:
    try:
        return Summary.from_json(body)
    except ValueError as error:
        say("summary", "what a process counted is passed over: %s", error)
        return None
