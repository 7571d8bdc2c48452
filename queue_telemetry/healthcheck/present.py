"""What a process tells the others of its present, beside what it counted: as JSON facts, and back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from queue_telemetry.healthcheck._plain import plain
from queue_telemetry.healthcheck.evaluate import ProcessFacts, Thresholds
from queue_telemetry.healthcheck.report import Reason

__all__ = ["Present", "facts_as_json", "facts_from_json"]

T = TypeVar("T")

_LARGEST: Final = 10**12  # of any count or age; more is damage
_THRESHOLDS: Final = tuple(field.name for field in fields(Thresholds) if field.name != "fail_on")


@dataclass(frozen=True, slots=True)
class Present:
    """The present of one process.

    Attributes:
        facts: What is known beside its stats, ages as of now.
        thresholds: From where on it finds something wrong.
        ticking: It has a thread that tells the others every few seconds, so that silence is a bad sign.
        settled: The reasons that hold after hysteresis; None where it keeps none, or began just now.
    """

    facts: ProcessFacts
    thresholds: Thresholds
    ticking: bool = True
    settled: frozenset[Reason] | None = None


def facts_as_json(present: Present, now_s: float) -> dict[str, object]:
    """Return the facts as plain JSON; ages become moments, which stay true while nothing new is told.

    Args:
        present: The present.
        now_s: Monotonic seconds.
    """
    facts, thresholds = present.facts, present.thresholds
    return {
        "collected": facts.collected,
        "draining": facts.draining,
        "active_workers": facts.active_workers,
        "slots_used": facts.slots_used,
        "slots_total": facts.slots_total,
        "in_flight": facts.in_flight,
        "longest_began_s": _moment(facts.longest_running_s, now_s),
        "beat_s": _moment(facts.heartbeat_age_s, now_s),
        "configuration_invalid": facts.configuration_invalid,
        "telemetry_failing": sorted(facts.telemetry_failing),
        "version": facts.version,
        "utilisation": facts.utilisation,
        "stale_probes": sorted(facts.stale_probes),
        "telemetry": plain(facts.telemetry),
        "ticking": present.ticking,
        "thresholds": {
            "fail_on": sorted(thresholds.fail_on),
            **{name: getattr(thresholds, name) for name in _THRESHOLDS},
        },
        "settled": None if present.settled is None else sorted(present.settled),
    }


def facts_from_json(told: Mapping[str, object], service: str | None, now_s: float, epoch_s: float) -> Present:
    """Return what `facts_as_json` told, ages as of now.

    Args:
        told: The facts.
        service: Whose they are.
        now_s: The present, monotonic seconds.
        epoch_s: The present, seconds since the epoch.

    Raises:
        ValueError: They are of other types, or of another version.
    """
    limits = _typed(told, "thresholds", dict)
    facts = ProcessFacts(
        collected=_typed(told, "collected", bool),
        draining=_typed(told, "draining", bool),
        active_workers=None if told.get("active_workers") is None else _count(told, "active_workers"),
        slots_used=_count(told, "slots_used"),
        slots_total=_count(told, "slots_total"),
        in_flight=_count(told, "in_flight"),
        longest_running_s=_age(told, "longest_began_s", now_s),
        heartbeat_age_s=_age(told, "beat_s", now_s),
        configuration_invalid=_typed(told, "configuration_invalid", bool),
        telemetry=_telemetry(told),
        telemetry_failing=frozenset(_texts(told, "telemetry_failing")),
        now_s=epoch_s,
        service=service,
        version=None if told.get("version") is None else _typed(told, "version", str),
        utilisation=_number_or_none(told, "utilisation"),
        stale_probes=frozenset(_texts(told, "stale_probes")),
    )
    thresholds = Thresholds(
        **{name: _number(limits, name) for name in _THRESHOLDS},  # type: ignore[arg-type] # whole ones stay whole
        fail_on=frozenset(map(Reason, _texts(limits, "fail_on"))),
    )
    settled = None if told.get("settled") is None else frozenset(map(Reason, _texts(told, "settled")))
    return Present(facts, thresholds, _typed(told, "ticking", bool), settled)


def _moment(age_s: float | None, now_s: float) -> float | None:
    return None if age_s is None else round(now_s - age_s, 3)  # the same from each reading of one moment


def _age(told: Mapping[str, object], key: str, now_s: float) -> float | None:
    at_s = _number_or_none(told, key)
    return None if at_s is None else max(0.0, now_s - at_s)


def _typed(told: Mapping[str, object], key: str, kind: type[T]) -> T:
    value = told.get(key)
    if not isinstance(value, kind):
        raise ValueError(f"{key} is of another type")  # noqa: TRY004 - the data is wrong, not the program
    return value


def _number(told: Mapping[str, object], key: str) -> float:
    value = told.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not -_LARGEST < value < _LARGEST:
        raise ValueError(f"{key} is no number in range")
    return value


def _number_or_none(told: Mapping[str, object], key: str) -> float | None:
    return None if told.get(key) is None else _number(told, key)


def _count(told: Mapping[str, object], key: str) -> int:
    value = _number(told, key)
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{key} is no count")
    return value


def _texts(told: Mapping[str, object], key: str) -> list[str]:
    values = _typed(told, key, list)
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{key} is no list of texts")
    return values


def _telemetry(told: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    telemetry = _typed(told, "telemetry", dict)
    if not all(isinstance(part, dict) for part in telemetry.values()):
        raise ValueError("telemetry is of another type")
    return telemetry
