"""The probe command: reads what the processes of a service on this host told, and says whether they are well."""

import os
import sys
import time
from pathlib import Path
from typing import Final

from queue_telemetry.cli._verdict import Told, Verdict, verdict
from queue_telemetry.processes import LastWord, check_dir, living_states, user_dir

__all__ = ["run_health"]

_WELL: Final = 0
_NOT_WELL: Final = 1
_CANNOT_TELL: Final = 2
_NOTHING: Final = '{"status": "unhealthy", "live": false, "ready": false, "processes": 0}'


def run_health(question: str, state_dir: str | None, service: str | None, *, as_json: bool) -> int:
    """Print the answer.

    Args:
        question: What is asked: `health`, `live` or `ready`.
        state_dir: The folder; None for what the environment says, or the default.
        service: Whose processes; None for what the environment says, or the only service that lives there.
        as_json: Print the whole report, whatever is asked; that takes longer.

    Returns:
        The exit code: 0 yes, 1 no, 2 when it cannot tell.
    """
    folder = _folder(state_dir)
    try:
        check_dir(folder)
    except FileNotFoundError as error:
        return _found_none(f"there is no {error.filename}", as_json=as_json)
    except (OSError, ValueError) as error:
        return _cannot_tell(f"the state folder cannot be used: {error}")
    living = living_states(folder)
    name = service or _named_service()
    services = {one.state.service for one in living}
    if name is None and services and None not in services:
        if len(services) > 1:
            return _cannot_tell(f"say which service: --service {' | '.join(sorted(map(str, services)))}")
        (name,) = services
    living = [one for one in living if one.state.service == name]
    if not living:
        return _found_none(f"of service {name}" if name else f"in {folder}", as_json=as_json)
    try:
        well, live, ready = _tell_whole(folder, name) if as_json else _tell(living)
    except ValueError as error:
        return _cannot_tell(str(error))
    return _WELL if {"health": well, "live": live, "ready": ready}[question] else _NOT_WELL


def _folder(state_dir: str | None) -> Path:
    given = state_dir or os.environ.get("QUEUE_TELEMETRY_STATE_DIR", "").strip()
    if given:
        return Path(given)
    from tempfile import gettempdir  # noqa: PLC0415 - it loads much

    return user_dir(gettempdir())


def _named_service() -> str | None:
    for variable in ("QUEUE_TELEMETRY_SERVICE", "DD_SERVICE"):
        name = os.environ.get(variable, "").strip()
        if name:
            return name
    return None


def _tell(living: list[LastWord]) -> tuple[bool, bool, bool]:
    now_s, epoch_s = time.monotonic(), time.time()
    told = [
        Told(
            (one.state.pid, one.state.start_ticks),
            one.state.facts,
            one.state.published_s,
            min(now_s - one.state.published_s, epoch_s - one.touched_s),  # clocks are turned
        )
        for one in living
    ]
    found = verdict(told, now_s)
    print(_line(found))
    return found.status not in {"unhealthy", "draining"}, found.live, found.ready


def _tell_whole(folder: Path, service: str | None) -> tuple[bool, bool, bool]:
    from queue_telemetry.cli._report import report_as_json  # noqa: PLC0415 - it takes most of the time

    found = report_as_json(folder, service)
    if found is None:
        raise ValueError("the last process ended, or tells what cannot be read")
    print(found[0])
    return found[1:]


def _line(found: Verdict) -> str:
    reasons = f": {', '.join(found.reasons)}" if found.reasons else ""
    workers = "" if found.active_workers is None else f", {found.active_workers} workers"
    return (
        f"{found.status}{reasons} ({found.processes} processes{workers}, {found.in_flight} tasks in flight)"
    )


def _found_none(where: str, *, as_json: bool) -> int:
    if as_json:
        print(_NOTHING)
    print(f"queue-telemetry: no process found: {where}", file=sys.stderr)
    return _NOT_WELL


def _cannot_tell(why: str) -> int:
    print(f"queue-telemetry: {why}", file=sys.stderr)
    return _CANNOT_TELL
