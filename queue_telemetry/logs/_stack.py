"""Format an exception as tracebacks are, in bounded text and time. Pure: no clock, no socket, no state.

The standard library's way takes five times as long and lets an exception's own code raise; loguru's as well, and it
shows no leaf of a group that holds an interrupt. Never shows variables' values.
"""

import linecache
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Final

from queue_telemetry.logs._text import cut_middle, text_of
from queue_telemetry.logs._time_limit import pass_on

__all__ = ["MESSAGE_BYTES", "class_name", "message_of", "stack_of"]

MESSAGE_BYTES: Final = 8 * 1024
_NOTE_BYTES: Final = 2 * 1024
_MAX_NOTES: Final = 16
_MAX_FRAMES: Final = 100  # more is recursion, of which both ends tell enough
_MAX_REPEATS: Final = 3  # as the standard library shows
_MAX_EXCEPTIONS: Final = 64  # a chain may be a ring, a group may hold thousands
_MAX_LEAVES: Final = 15  # of one group, as the standard library shows
_MAX_NESTING: Final = 10
_RULER: Final = 35  # as wide as the standard library's

_CAUSED: Final = "The above exception was the direct cause of the following exception:"
_DURING: Final = "During handling of the above exception, another exception occurred:"
_CUT: Final = "[earlier exceptions cut]"

_Place = tuple[str, int, str]
"""File, line and function."""


def stack_of(
    error: BaseException | None, trace: TracebackType | None, scrub: Callable[[str], str] = str
) -> str:
    """Return the traceback of *error* with its causes, notes and a group's leaves.

    Must not raise, but for a task's time limit.

    Args:
        error: The exception; None formats the frames alone.
        trace: Its traceback; None has no frames.
        scrub: Takes secrets out of messages and notes, each whole: a cut may take a key and leave its value.
    """
    try:
        lines = _Telling(scrub).chain(error, trace, 0) if error is not None else list(_frames(trace))
    except Exception as fault:  # noqa: BLE001 - no stack is left for it at the bottom of a recursion, say
        pass_on(fault)
        return f"[the traceback cannot be read: {class_name(type(fault))}]"
    return "\n".join(lines)


def class_name(kind: type[BaseException]) -> str:
    """Return a class's name as tracebacks show it. Must not raise, but for a task's time limit."""
    try:
        module, name = kind.__module__, kind.__qualname__
    except Exception as fault:  # noqa: BLE001 - a user's metaclass
        pass_on(fault)
        return "exception"
    return str(name) if module in {"builtins", "__main__"} else f"{module}.{name}"


def message_of(error: BaseException, scrub: Callable[[str], str]) -> str:
    """Return what an exception says without secrets, at most `MESSAGE_BYTES` of it twice over."""
    return cut_middle(scrub(text_of(error)), 2 * MESSAGE_BYTES)


class _Telling:
    """One telling of an exception and all that belongs to it; each exception is told once."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        self._scrub = scrub
        self._seen: set[int] = set()

    def chain(self, error: BaseException, trace: TracebackType | None, nesting: int) -> list[str]:
        """Return the lines of *error* after those of its causes."""
        told: list[tuple[BaseException, TracebackType | None, str]] = []
        below: BaseException | None = error
        link = ""
        while below is not None and id(below) not in self._seen and len(self._seen) < _MAX_EXCEPTIONS:
            self._seen.add(id(below))
            told.append((below, trace, link))
            below, link = _below(below)
            trace = None if below is None else below.__traceback__
        lines = [_CUT, ""] if below is not None and len(self._seen) >= _MAX_EXCEPTIONS else []
        for each, its_trace, its_link in reversed(told):
            lines += self._one(each, its_trace, nesting)
            if its_link:
                lines += ["", its_link, ""]
        return lines

    def _one(self, error: BaseException, trace: TracebackType | None, nesting: int) -> list[str]:
        lines = list(_frames(trace))
        if lines:
            lines.insert(0, "Traceback (most recent call last):")
        lines += _words(error, self._scrub)
        if not issubclass(type(error), BaseExceptionGroup):
            return lines
        if lines[0].startswith("Traceback"):
            lines[0] = f"Exception Group {lines[0]}"
        return lines + [f"  {line}" for line in self._leaves(error, nesting)]

    def _leaves(self, group: BaseException, nesting: int) -> Iterator[str]:
        leaves = _exceptions_of(group)
        if nesting >= _MAX_NESTING:
            yield f"[{len(leaves)} exceptions deeper]"
            return
        for number, leaf in enumerate(leaves[:_MAX_LEAVES], 1):
            yield f"+{f' {number} '.center(_RULER, '-')}"
            for line in self.chain(leaf, leaf.__traceback__, nesting + 1):
                yield f"| {line}"
        if len(leaves) > _MAX_LEAVES:
            yield f"+{' ... '.center(_RULER, '-')}"
            yield f"| and {len(leaves) - _MAX_LEAVES} more exceptions"
        yield f"+{'-' * _RULER}"


def _frames(trace: TracebackType | None) -> Iterator[str]:
    """Yield the lines of the frames, outermost first: repeated ones counted, and of too many the middle left out."""
    places = list(_folded(trace))
    for at, (place, module, repeats) in enumerate(places):
        if len(places) > _MAX_FRAMES:
            if at == _MAX_FRAMES // 2:
                yield f"  [{len(places) - _MAX_FRAMES} frames cut]"
            if _MAX_FRAMES // 2 <= at < len(places) - _MAX_FRAMES // 2:
                continue
        file, line, function = place
        shown = f'  File "{file}", line {line}, in {function}'
        source = _source(file, line, module)
        for _ in range(min(repeats, _MAX_REPEATS)):
            yield shown
            if source:
                yield f"    {source}"
        if repeats > _MAX_REPEATS:
            more = repeats - _MAX_REPEATS
            yield f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]"


def _folded(trace: TracebackType | None) -> Iterator[tuple[_Place, FrameType, int]]:
    """Yield each frame with how often it comes in a row."""
    place: _Place | None = None
    last: FrameType | None = None
    repeats = 0
    for frame, line in _walk(trace):
        code = frame.f_code
        here = (code.co_filename, line, code.co_name)
        if here == place:
            repeats += 1
            continue
        if place is not None and last is not None:
            yield place, last, repeats
        place, last, repeats = here, frame, 1
    if place is not None and last is not None:
        yield place, last, repeats


def _walk(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Yield frames and lines but loguru's own; in front of `logger.catch` used as a decorator stands its caller."""
    if trace is not None and _is_logurus(trace.tb_frame):
        caller = trace.tb_frame.f_back
        if caller is not None:
            yield caller, caller.f_lineno or 0
    while trace is not None:
        if not _is_logurus(trace.tb_frame):
            yield trace.tb_frame, trace.tb_lineno or 0
        trace = trace.tb_next


def _is_logurus(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == "loguru._logger"


def _source(file: str, line: int, frame: FrameType) -> str:
    try:
        return linecache.getline(file, line, frame.f_globals).strip()
    except Exception as fault:  # noqa: BLE001 - a module's own loader is asked for what is in no file
        pass_on(fault)
        return ""


def _words(error: BaseException, scrub: Callable[[str], str]) -> list[str]:
    """Return the lines that name the exception, its message and its notes."""
    kind = type(error)
    if issubclass(kind, SyntaxError):
        try:
            return "".join(traceback.format_exception_only(error)).rstrip("\n").split("\n")
        except Exception as fault:  # noqa: BLE001 - its fields may hold anything
            pass_on(fault)
            return [class_name(kind)]
    message = message_of(error, scrub)
    text = f"{class_name(kind)}: {message}" if message else class_name(kind)
    return [line for part in (text, *_notes(error, scrub)) for line in part.split("\n")]


def _notes(error: BaseException, scrub: Callable[[str], str]) -> Iterator[str]:
    try:
        notes = getattr(error, "__notes__", ())
        many = list(notes) if isinstance(notes, (list, tuple)) else [notes]
    except Exception as fault:  # noqa: BLE001 - a user's property
        pass_on(fault)
        yield "[notes cannot be read]"
        return
    for note in many[:_MAX_NOTES]:
        yield cut_middle(scrub(text_of(note)), _NOTE_BYTES)
    if len(many) > _MAX_NOTES:
        yield f"[{len(many) - _MAX_NOTES} more notes]"


def _below(error: BaseException) -> tuple[BaseException | None, str]:
    """Return what *error* was raised from or while handling, and the words that stand between the two."""
    try:
        cause = error.__cause__
        below, link = (cause, _CAUSED) if cause is not None else (error.__context__, _DURING)
        if not isinstance(below, BaseException) or (cause is None and error.__suppress_context__):
            return None, ""
    except Exception as fault:  # noqa: BLE001 - a user's property
        pass_on(fault)
        return None, ""
    return below, link


def _exceptions_of(group: BaseException) -> tuple[BaseException, ...]:
    try:
        return tuple(each for each in group.exceptions if isinstance(each, BaseException))  # type: ignore[attr-defined]  # a group's
    except Exception as fault:  # noqa: BLE001 - the same
        pass_on(fault)
        return ()
