"""The short verdict of the probe command, from the facts that processes tell beside their counts. Pure.

It says what `evaluate` says of the same processes, without loading what reads the counts, which takes longer than all
else: what follows from counts, such as too many failures, it takes over from the last process that can tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Told", "Verdict", "verdict"]

_SILENT_S: Final = 15.0
_LOCAL: Final = frozenset({"heartbeat_stale", "workers_below_minimum"})
_FACTS: Final = (
    "configuration_invalid",
    "stale_probes",
    "telemetry_failing",
)  # each is its own reason, if so
_REASON_OF: Final = {"stale_probes": "probe_stale"}


@dataclass(frozen=True, slots=True)
class Told:
    """What one living process told.

    Attributes:
        process: Which one it is, by id and start.
        facts: As `facts_as_json` makes them.
        published_s: When, monotonic seconds.
        silent_s: For how long it has been silent.
    """

    process: tuple[int, int]
    facts: Mapping[str, Any]
    published_s: float
    silent_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is to say of all together.

    Attributes:
        status: As in the report.
        reasons: What is wrong, sorted.
        live: As in the report.
        ready: As in the report.
        processes: How many there are.
        active_workers: Their open worker scopes; None until one was opened.
        in_flight: Their runs in flight.
    """

    status: str
    reasons: tuple[str, ...]
    live: bool
    ready: bool
    processes: int
    active_workers: int | None
    in_flight: int


def verdict(told: Sequence[Told], now_s: float) -> Verdict:
    """Judge the living processes of a service; there is at least one.

    Args:
        told: What they told.
        now_s: The present, monotonic seconds.

    Raises:
        ValueError: What they told is of another version of this package.
    """
    newest = [one.facts for one in sorted(told, key=lambda one: one.published_s, reverse=True)]
    try:
        # one that began just now has not evaluated yet
        settled = next((facts["settled"] for facts in newest if facts["settled"] is not None), ())
        return _judge(told, frozenset(settled), newest[0]["thresholds"], now_s)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"what a process told cannot be read: {error!r}") from None


def _judge(told: Sequence[Told], settled: frozenset[str], limits: Mapping[str, Any], now_s: float) -> Verdict:
    every = [one.facts for one in told]
    known = [facts["active_workers"] for facts in every if facts["active_workers"] is not None]
    workers = sum(known) if known else None
    reasons = set(settled - _LOCAL)
    if limits["heartbeat_max_age_s"] and _oldest_beat_age_s(told, now_s) > limits["heartbeat_max_age_s"]:
        reasons.add("heartbeat_stale")
    if (workers or 0) < limits["min_workers"]:
        reasons.add("workers_below_minimum")
    reasons.update(_REASON_OF.get(fact, fact) for fact in _FACTS if any(facts[fact] for facts in every))
    failing = reasons & (_LOCAL | set(limits["fail_on"]))
    draining = all(facts["draining"] for facts in every)
    collected = any(facts["collected"] for facts in every)
    live = "heartbeat_stale" not in reasons
    if draining:
        status = "draining"
    elif live and not collected:
        status = "starting"
    elif failing:
        status = "unhealthy"
    else:
        status = "degraded" if reasons else "healthy"
    return Verdict(
        status,
        tuple(sorted(reasons)),
        live,
        collected and not draining and not failing,
        len({one.process for one in told}),
        workers,
        sum(facts["in_flight"] for facts in every),
    )


def _oldest_beat_age_s(told: Iterable[Told], now_s: float) -> float:
    ages_s = [0.0]
    for one in told:
        if one.facts["beat_s"] is not None:
            ages_s.append(now_s - one.facts["beat_s"])
        if one.facts["ticking"] and one.silent_s >= _SILENT_S:
            ages_s.append(one.silent_s)
    return max(ages_s)
