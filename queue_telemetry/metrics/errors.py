"""Errors as bounded values: a fingerprint that survives edits, and a scrubbed sample."""

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

__all__ = ["ErrorGroup", "ErrorSample", "fingerprint"]

_FRAMES: Final = 5  # enough to tell callers apart, few enough that a refactoring far up changes nothing
_RECURSION_FRAMES: Final = 64  # of a recursion; enough to see twice whatever goes round
_CHAIN: Final = 32  # a chain of causes may be a ring
_READ_CHARACTERS: Final = 1000  # of a message, before it is scrubbed
_MESSAGE_CHARACTERS: Final = 200

_OWN: Final = f"{Path(__file__).parents[1]}{os.sep}"
_STANDARD_LIBRARY: Final = f"{Path(os.__file__).parent}{os.sep}"
_INSTALLED: Final = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))

_SCRUBS: Final = (
    # a quotation ends at its mark, or with the message, which may have been cut inside it
    (re.compile(r"""(["`])(?:\\.|[^\\])*?(?:\1|\Z)""", re.DOTALL), "S"),
    # an apostrophe inside a word neither opens nor closes one
    (re.compile(r"(?<!\w)[bBrRuU]{0,2}'(?:\\.|[^\\])*?(?:'(?!\w)|\Z)", re.DOTALL), "S"),
    (re.compile(r"://[^/\s@]*@"), "://S@"),
    (re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-zA-Z])"), "H"),
    (re.compile(r"(?<![0-9a-zA-Z])0[xX][0-9a-fA-F]+"), "H"),
    (re.compile(r"(?<![0-9a-zA-Z])(?=[a-fA-F]*[0-9])(?=[0-9]*[a-fA-F])[0-9a-fA-F]{8,}(?![0-9a-zA-Z])"), "H"),
    (re.compile(r"\d+"), "N"),
)


def fingerprint(error: BaseException) -> str:
    """Name the place and kind of *error*, the same after its lines moved or its message changed.

    Of the root cause: its qualified type, and (module, qualified name) of the at most five innermost frames of the
    application; of the last frame where none is the application's; of a recursion, which ends wherever the stack does,
    what goes round. Frames of the standard library, of installed
    packages and of this package are not the application's. Must not raise, and keeps no reference to the error.

    Returns:
        64 bits of BLAKE2b as 16 hexadecimal digits.
    """
    try:
        return _fingerprint_of_cause(_root_cause(error))
    except Exception:  # noqa: BLE001 - properties and metaclasses of the user's run here
        return blake2b(object.__repr__(error).partition(" ")[0].encode(), digest_size=8).hexdigest()


def _fingerprint_of_cause(cause: BaseException) -> str:
    frames: list[FrameType] = []
    traceback: TracebackType | None = cause.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    kind = type(cause)
    is_recursion = issubclass(kind, RecursionError)
    most = _RECURSION_FRAMES if is_recursion else _FRAMES
    places = []
    for frame in reversed(frames):
        if _is_application(frame.f_code.co_filename):
            places.append(_place(frame))
            if len(places) == most:
                break
    if is_recursion:
        places = sorted({place for place in places if places.count(place) > 1}) or places[:_FRAMES]
    if frames and not places:
        places.append(_place(frames[-1]))
    text = "\n".join((f"{kind.__module__}.{kind.__qualname__}", *places))
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _place(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__')}:{frame.f_code.co_qualname}"


@lru_cache(maxsize=4096)
def _is_application(filename: str) -> bool:
    return not (
        filename.startswith((_OWN, _STANDARD_LIBRARY, "<frozen "))
        or any(folder in filename for folder in _INSTALLED)
    )


def _root_cause(error: BaseException) -> BaseException:
    for _ in range(_CHAIN):
        if isinstance(error, BaseExceptionGroup):  # its leaves fail in any order; choose by type, not by luck
            error = min(error.exceptions, key=lambda leaf: type(leaf).__qualname__)
            continue
        below = error.__cause__
        if below is None and not error.__suppress_context__:
            below = error.__context__
        if below is None:
            break
        error = below
    return error


def _scrubbed_message(error: BaseException) -> str:
    try:
        text = " ".join(str(error)[:_READ_CHARACTERS].split())
    except Exception:  # noqa: BLE001 - a user's __str__
        return "<unprintable>"
    for pattern, replacement in _SCRUBS:
        text = pattern.sub(replacement, text)
    return text[:_MESSAGE_CHARACTERS]


@dataclass(frozen=True, slots=True)
class ErrorSample:
    """One error, without the error: no exception, no frames, no values that its message named.

    Attributes:
        fingerprint: What it is grouped by.
        type: The root cause's class, without its module.
        task_type: The task that failed.
        message: The root cause's message, at most 200 characters: digits as N, hexadecimal and UUIDs as H, quoted
            text and user information in URLs as S.
        at_s: When, seconds since the epoch.
    """

    fingerprint: str
    type: str
    task_type: str
    message: str
    at_s: float

    @classmethod
    def of(cls, error: BaseException, task_type: str, at_s: float) -> Self:
        """Describe *error*. Must not raise."""
        try:
            cause = _root_cause(error)
            name = str(type(cause).__name__)
        except Exception:  # noqa: BLE001 - properties and metaclasses of the user's run here
            cause, name = error, "unknown"
        return cls(fingerprint(error), name, task_type, _scrubbed_message(cause), at_s)


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors with one fingerprint.

    Attributes:
        fingerprint: 16 hexadecimal digits.
        type: The class of the last one.
        task_type: The task of the last one.
        count: How many since `first_seen_s`.
        first_seen_s: Seconds since the epoch; when the group was last taken up.
        last_seen_s: Seconds since the epoch.
        sample: The scrubbed message of the last one.
        count_5m: How many in the last five minutes.
        count_1h: How many in the last hour.
    """

    fingerprint: str
    type: str
    task_type: str
    count: int
    first_seen_s: float
    last_seen_s: float
    sample: str
    count_5m: int = 0
    count_1h: int = 0
