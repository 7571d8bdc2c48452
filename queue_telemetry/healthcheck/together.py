"""The present of several processes as that of one: what a host's processes of one service come to. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from queue_telemetry.healthcheck.evaluate import ProcessFacts
from queue_telemetry.healthcheck.present import Present

__all__ = ["from_outside", "together"]

_COUNTS: Final = frozenset({"accepted", "adopted", "delivered", "dropped", "pending"})


def together(own: Present, others: Sequence[Present]) -> Present:
    """Return the present of all.

    Workers, slots and runs add up. A sign of life that is missing in one is missing in all, as is a right setting: what
    a restart would mend is in this place. It drains when the process that is asked drains, or all do: single workers come
    and go.

    Args:
        own: The process that is asked; its thresholds are those of all.
        others: The other living ones.
    """
    if not others:
        return own
    every = [own.facts, *(present.facts for present in others)]
    workers = [facts.active_workers for facts in every if facts.active_workers is not None]
    facts = replace(
        own.facts,
        collected=any(facts.collected for facts in every),
        draining=own.facts.draining or all(facts.draining for facts in every),
        active_workers=sum(workers) if workers else None,
        slots_used=sum(facts.slots_used for facts in every),
        slots_total=sum(facts.slots_total for facts in every),
        in_flight=sum(facts.in_flight for facts in every),
        longest_running_s=_largest(facts.longest_running_s for facts in every),
        heartbeat_age_s=_largest(facts.heartbeat_age_s for facts in every),
        configuration_invalid=any(facts.configuration_invalid for facts in every),
        telemetry=_telemetry([facts.telemetry for facts in every]),
        telemetry_failing=frozenset().union(*(facts.telemetry_failing for facts in every)),
        utilisation=_utilisation(every),
        stale_probes=frozenset().union(*(facts.stale_probes for facts in every)),
    )
    return replace(own, facts=facts)


def from_outside(presents: Sequence[Present]) -> Present:
    """Return the present of all for one who is none of them.

    The last one's thresholds count, and what holds after hysteresis by the last one that can tell; all have to drain.
    """
    *others, last = presents
    whole = together(last, others)
    draining = all(present.facts.draining for present in presents)
    settled = next((one.settled for one in reversed(presents) if one.settled is not None), None)
    return replace(whole, facts=replace(whole.facts, draining=draining), settled=settled)


def _largest(ages_s: Iterable[float | None]) -> float | None:
    return max((age_s for age_s in ages_s if age_s is not None), default=None)


def _utilisation(every: Iterable[ProcessFacts]) -> float | None:
    """Return the mean over all slots."""
    known = [(facts.utilisation, facts.slots_total) for facts in every if facts.utilisation is not None]
    slots = sum(total for _, total in known)
    return sum(share * total for share, total in known) / slots if slots else None


def _telemetry(every: Sequence[Mapping[str, Mapping[str, object]]]) -> dict[str, Mapping[str, object]]:
    """Return what became of everybody's data; what else there is to say of a signal is the first one's."""
    signals = dict.fromkeys(signal for telemetry in every for signal in telemetry)
    return {signal: _add([one[signal] for one in every if signal in one]) for signal in signals}


def _add(parts: Sequence[Mapping[str, object]]) -> dict[str, object]:
    whole = dict(parts[0])
    for part in parts[1:]:
        for key in _COUNTS & part.keys():
            known, value = whole.get(key), part[key]
            if isinstance(value, Mapping):
                both = (known, value) if isinstance(known, Mapping) else (value,)
                whole[key] = dict(sum((Counter(one) for one in both), Counter[str]()))
            elif isinstance(value, int):
                whole[key] = value + (known if isinstance(known, int) else 0)
    return whole
