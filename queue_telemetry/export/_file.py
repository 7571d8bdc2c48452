"""A file to be written. Pure: no clock, no socket, no state."""

from dataclasses import dataclass
from textwrap import wrap

__all__ = ["File", "comment"]

_WIDTH = 120


@dataclass(frozen=True, slots=True)
class File:
    """What one file holds.

    Attributes:
        path: Relative, with `/`.
        text: All of it.
    """

    path: str
    text: str


def comment(*paragraphs: str) -> str:
    """Return paragraphs as lines that begin with `#`, for the head of a file."""
    return "".join(
        f"# {line}\n" for text in paragraphs for line in wrap(text, _WIDTH - 2, break_on_hyphens=False)
    )
