"""Take secrets out of text: what is assigned to a secret key, and what looks like one. Pure: no clock, no socket.

Text has no structure to rely on, so this errs on the side of hiding a word too many.
"""

from collections.abc import Callable, Iterable
from typing import Final

from queue_telemetry.logs._assigned import assignment, value_again, word_at
from queue_telemetry.logs._sanitizer import REDACTED
from queue_telemetry.logs._shapes import hide_shapes
from queue_telemetry.logs._text import KEPT_CHARS, LONGEST_CHARS, cut_end

__all__ = ["Scrubber"]

_IN_QUERY: Final = "sig"  # of Azure's signed URLs; elsewhere it is a signal


class Scrubber:
    """Takes secrets out of text.

    Args:
        hides: Whether the value of a key is to be hidden.
        stems: Of every key for which *hides* says yes, in lower case, at least one is part.
    """

    def __init__(self, hides: Callable[[str, object], bool], stems: Iterable[str]) -> None:
        self._hides = hides
        self._stems = (*stems, _IN_QUERY)

    def scrub(self, text: str) -> str:
        """Return *text* without secrets; the same object when it holds none. Must not raise.

        Twice is the same as once. A text that no line can hold is shortened first.
        """
        if not (
            ":" in text
            or "=" in text
            or "--" in text
            or "'," in text
            or '",' in text
            or "</" in text
            or "%3" in text
            or "eyJ" in text
            or "earer " in text
            or "asic " in text
            or "ghp_" in text
            or "xox" in text
            or "AKIA" in text
        ):
            return text
        if len(text) > LONGEST_CHARS:
            text = cut_end(text, KEPT_CHARS)
        text = hide_shapes(text)
        lower = text.lower()
        if len(lower) != len(text):  # a few letters become two, and places would not agree
            lower = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
        for stem in self._stems:
            if stem in lower:
                return self._hide_assigned(text, lower)
        return text

    def _hide_assigned(self, text: str, lower: str) -> str:
        """Hide what is assigned to keys, going from one word with a stem in it to the next."""
        # `in` costs a third of `find`, and of most stems there is none
        found = {stem: lower.find(stem) for stem in self._stems if stem in lower}
        parts: list[str] = []
        done = start = 0
        while found:
            at = min(found.values())
            begin, stop = word_at(text, at, start)
            start = max(stop, at + 1)
            is_secret = self._is_secret_in_query if text[begin - 1 : begin] in {"?", "&"} else self._is_secret
            assigned = assignment(text, begin, stop, is_secret)
            while assigned is not None:
                key, value_begin, value_end = assigned
                if key != _IN_QUERY and not self._hides(key, _number(text, value_begin, value_end)):
                    break
                parts += text[done:value_begin], REDACTED
                done = start = value_end
                assigned = value_again(text, key, done)
            for stem, at in [*found.items()]:
                if at < start:
                    found[stem] = lower.find(stem, start)
                    if found[stem] < 0:
                        del found[stem]
        return "".join((*parts, text[done:])) if parts else text

    def _is_secret(self, key: str) -> bool:
        return self._hides(key, None)

    def _is_secret_in_query(self, key: str) -> bool:
        return key == _IN_QUERY or self._hides(key, None)


def _number(text: str, begin: int, end: int) -> object:
    """Return the value as what it is, since a number of tokens is no secret."""
    value = text[begin:end]
    return int(value) if len(value) < 20 and value.isascii() and value.isdigit() else value
