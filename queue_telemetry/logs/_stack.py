"""Format an exception as tracebacks are, in bounded text and time. Pure: no clock, no socket, no state.

The standard library's way takes five times as long and lets an exception's own code raise; loguru's as well, and it
shows no leaf of a group that holds an interrupt. Never shows variables' values.
"""

import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final

from queue_telemetry.logs._frames import frame_lines
from queue_telemetry.logs._text import cut_end, text_of
from queue_telemetry.logs._time_limit import pass_on

__all__ = ["class_name", "message_of", "stack_of"]

_MESSAGE_CHARS: Final = 16 * 1024
_NOTE_CHARS: Final = 2 * 1024
_MAX_CHARS: Final = 128 * 1024  # of all messages and notes, several times what a stack is cut to
_MAX_NOTES: Final = 16
_MAX_EXCEPTIONS: Final = 64  # a chain may be a ring, a group may hold thousands
_MAX_LEAVES: Final = 15  # of one group, as the standard library shows
_MAX_NESTING: Final = 10
_RULER: Final = 35  # as wide as the standard library's

_CAUSED: Final = "The above exception was the direct cause of the following exception:"
_DURING: Final = "During handling of the above exception, another exception occurred:"
_CUT: Final = "[earlier exceptions cut]"


def stack_of(
    error: BaseException | None,
    trace: TracebackType | None,
    scrub: Callable[[str], str] = str,
    message: str | None = None,
) -> str:
    """Return the traceback of *error* with its causes, notes and a group's leaves.

    Must not raise, but for a task's time limit.

    Args:
        error: The exception; None formats the frames alone.
        trace: Its traceback; None has no frames.
        scrub: Takes secrets out of messages, notes and lines of the source, each once.
        message: What *error* says, by `message_of`; None has it asked.
    """
    try:
        telling = _Telling(scrub, error, message)
        lines = list(frame_lines(trace, scrub)) if error is None else telling.chain(error, trace, 0)
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
    """Return what an exception says without secrets: the beginning of it, cut before it is looked through."""
    return scrub(cut_end(text_of(error), _MESSAGE_CHARS))


class _Telling:
    """One telling of an exception and all that belongs to it; each exception is told once.

    Args:
        scrub: Takes secrets out of a text.
        first: The exception whose message is known.
        message: That one.
    """

    def __init__(self, scrub: Callable[[str], str], first: BaseException | None, message: str | None) -> None:
        self._scrub = scrub
        self._first = first
        self._message = message
        self._seen: set[int] = set()
        self._chars_left = _MAX_CHARS

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
        lines = list(frame_lines(trace, self._scrub))
        if lines:
            lines.insert(0, "Traceback (most recent call last):")
        lines += self._words(error)
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

    def _words(self, error: BaseException) -> list[str]:
        """Return the lines that name the exception, its message and its notes."""
        kind = type(error)
        if issubclass(kind, SyntaxError):
            return self._said(_syntax_words(error), _MESSAGE_CHARS).split("\n")  # type: ignore[arg-type]  # it is one
        if error is self._first and self._message is not None:
            message = self._message
        else:
            message = self._said(text_of(error), _MESSAGE_CHARS)
        text = f"{class_name(kind)}: {message}" if message else class_name(kind)
        return [line for part in (text, *self._notes(error)) for line in part.split("\n")]

    def _notes(self, error: BaseException) -> Iterator[str]:
        notes = _notes_of(error)
        if notes is None:
            yield "[notes cannot be read]"
            return
        for note in notes[:_MAX_NOTES]:
            yield self._said(text_of(note), _NOTE_CHARS)
        if len(notes) > _MAX_NOTES:
            yield f"[{len(notes) - _MAX_NOTES} more notes]"

    def _said(self, text: str, max_chars: int) -> str:
        """Return the beginning of a text without secrets, as long as there is room: cut first, since looking costs."""
        shorter = cut_end(text, min(max_chars, self._chars_left))
        self._chars_left = max(self._chars_left - len(shorter), 0)
        return self._scrub(shorter)


def _notes_of(error: BaseException) -> list[object] | None:
    """Return the notes, whatever they are; None when they cannot be read."""
    try:
        notes = getattr(error, "__notes__", ())
        return list(notes) if isinstance(notes, (list, tuple)) else [notes]
    except Exception as fault:  # noqa: BLE001 - a user's property
        pass_on(fault)
        return None


def _syntax_words(error: SyntaxError) -> str:
    try:
        return "".join(traceback.format_exception_only(error)).rstrip("\n")
    except Exception as fault:  # noqa: BLE001 - its fields may hold anything
        pass_on(fault)
        return class_name(type(error))


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
