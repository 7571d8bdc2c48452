"""Choose among the values that were found until the model takes them all, and say what was wrong with the others."""

from collections.abc import Callable, Collection, Mapping

from queue_telemetry._runtime import say
from queue_telemetry.settings._sources import Given, gather, shown
from queue_telemetry.settings._wording import problem

__all__ = ["settle"]


def settle(
    overrides: Mapping[str, object],
    fields: Collection[str],
    validate: Callable[[Mapping[str, Given]], Mapping[str, str]],
    *,
    strict: bool,
) -> list[str]:
    """Offer values to *validate* until it finds none of them wrong; return the problems. Does not raise.

    A wrong value of ours is a problem and its field keeps its default; a borrowed one makes room for the next weaker.
    It ends, since every round takes at least one value away.

    Args:
        overrides: Keywords.
        fields: The names of all settings.
        validate: Takes the chosen values and returns, by field, what would have been right. Defaults are right.
        strict: Stop at the first round that finds a problem: defaults put in its place could clash with what the user
            meant, and that would be said for no reason.
    """
    sources = gather(overrides, fields)
    while wrong := validate(chosen := sources.chosen()):
        ours = [field for field in wrong if chosen[field].ours]
        for field in ours:
            sources.problems.append(problem(field, chosen[field], wrong[field]))
            sources.candidates[field].clear()
        for field in wrong.keys() - ours:
            given = chosen[field]
            sources.candidates[field].remove(given)
            say(
                given.name,
                "%s=%s%s is ignored: should be %s",
                given.name,
                shown(given.value),
                given.where,
                wrong[field],
            )
        if strict and ours:
            break
    return sources.problems
