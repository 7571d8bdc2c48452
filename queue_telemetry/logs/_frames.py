"""Format the frames of a traceback, in bounded text and time. Pure: no clock, no socket, no state."""

import linecache
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Final

from queue_telemetry.logs._text import cut_end
from queue_telemetry.logs._time_limit import pass_on

__all__ = ["frame_lines"]

_MAX_FRAMES: Final = 100  # more is recursion, of which both ends tell enough
_MAX_REPEATS: Final = 3  # as the standard library shows
_LINE_CHARS: Final = 2 * 1024  # of the source

_Place = tuple[str, int, str]
"""File, line and function."""


def frame_lines(trace: TracebackType | None, scrub: Callable[[str], str]) -> Iterator[str]:
    """Yield the lines of the frames, outermost first: repeated ones counted, and of too many the middle left out.

    Args:
        trace: A traceback; None has no frames.
        scrub: Takes secrets out of lines of the source.
    """
    places = list(_folded(trace))
    for at, (place, module, repeats) in enumerate(places):
        if len(places) > _MAX_FRAMES:
            if at == _MAX_FRAMES // 2:
                yield f"  [{len(places) - _MAX_FRAMES} frames cut]"
            if _MAX_FRAMES // 2 <= at < len(places) - _MAX_FRAMES // 2:
                continue
        file, line, function = place
        shown = f'  File "{file}", line {line}, in {function}'
        source = scrub(cut_end(_source(file, line, module), _LINE_CHARS))
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
