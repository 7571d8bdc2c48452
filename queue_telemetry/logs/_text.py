"""Text that JSON can hold: without lone surrogates, of bounded length. Pure: no clock, no socket, no state."""

from typing import Final

from queue_telemetry.logs._time_limit import pass_on

__all__ = ["KEPT_CHARS", "LONGEST_CHARS", "clean_text", "cut_end", "cut_middle", "name_of", "text_of"]

LONGEST_CHARS: Final = 256 * 1024
"""Characters of a text: a line that has to hold a longer one is shortened to less in any case."""
KEPT_CHARS: Final = 128 * 1024
"""Characters that are left of a longer one."""

_BETWEEN_WORDS: Final = (
    " ",
    "\n",
    "\t",
    ",",
    '"',
    "'",
    "<",
    ">",
)  # none is in a token, or a URL's user information


def text_of(value: object) -> str:
    """Return `str(value)`, or a stand-in when that raises. Must not raise, but for a task's time limit."""
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 - a user's __str__
        pass_on(error)
        return f"<unprintable {name_of(value)}>"
    return text if type(text) is str else str.__str__(text)  # a class of text may lie about what it holds


def name_of(value: object) -> str:
    """Return the name of a value's class. Must not raise, but for a task's time limit."""
    try:
        return str.__str__(type(value).__name__)
    except Exception as error:  # noqa: BLE001 - a user's metaclass
        pass_on(error)
        return "object"


def clean_text(text: str) -> str:
    """Return *text* with each lone surrogate replaced by `?`, so that UTF-8 can hold it."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def cut_end(text: str, max_chars: int) -> str:
    """Return the beginning of a longer *text* with the number of characters that were cut; else the same object.

    For text that may hold secrets still: the beginning of what is assigned to a key tells so, its end does not. The
    word at the cut goes too, since half a secret is no longer known by its looks.
    """
    if len(text) <= max_chars:
        return text
    end = max(text.rfind(sign, 0, max_chars) for sign in _BETWEEN_WORDS) + 1
    return f"{text[:end]}… [{len(text) - end} characters cut]"


def cut_middle(text: str, max_bytes: int) -> str:
    """Return *text* with its middle cut so that it takes at most *max_bytes* of UTF-8.

    The cut is marked with the number of characters it took.
    """
    if len(text) * 4 <= max_bytes:
        return text
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= max_bytes:
        return text
    half = max(max_bytes - 64, 0) // 2  # 64: room for the mark
    head = encoded[:half].decode("utf-8", "ignore")
    tail = encoded[len(encoded) - half :].decode("utf-8", "ignore")
    return f"{head}… [{len(text) - len(head) - len(tail)} characters cut] …{tail}"
