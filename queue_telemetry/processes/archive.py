"""What dead processes left behind, in one file a service: as a value, and as the bytes of that file. Pure."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import orjson

from queue_telemetry.processes.state import is_token

__all__ = ["Archive"]

_FORMAT: Final = 1
_TOKENS: Final = (
    256  # of lives whose files are gone; a reader took its look at those files not so many deaths ago
)


@dataclass(frozen=True, slots=True)
class Archive:
    """All the dead of one service, added up.

    Attributes:
        boot_id: The boot of the host in which they lived.
        tokens: Whose counts are in `body`, the last ones at the end. A state file with one of them is not to be counted
            again; one that nobody can hold in hands any more is forgotten.
        lives: How many are in it.
        body: What they counted; opaque here.
    """

    boot_id: str
    tokens: tuple[str, ...] = ()
    lives: int = 0
    body: bytes = b""

    def with_dead(self, tokens: tuple[str, ...], body: bytes, *, in_sight: frozenset[str]) -> Self:
        """Return the archive with more dead in it.

        Args:
            tokens: Theirs.
            body: What was counted by all together.
            in_sight: The tokens whose files are there still: these are not forgotten.
        """
        known = self.tokens + tokens
        at = max(0, len(known) - _TOKENS)
        kept = tuple(token for token in known[:at] if token in in_sight) + known[at:]
        return type(self)(self.boot_id, kept, self.lives + len(tokens), body)

    def encode(self) -> bytes:
        """Return the file's bytes: one line of JSON, and behind it the body."""
        header = {
            "format": _FORMAT,
            "boot_id": self.boot_id,
            "tokens": self.tokens,
            "lives": self.lives,
            "body_bytes": len(self.body),
            "crc32": zlib.crc32(self.body),
        }
        return orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE) + self.body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the archive that *data* is the file of.

        Raises:
            ValueError: It is cut off, changed, of another format, or no such file at all.
        """
        line, newline, body = data.partition(b"\n")
        header = orjson.loads(line)
        if not newline or not isinstance(header, Mapping) or header.get("format") != _FORMAT:
            raise ValueError("no archive of this format")
        if (header.get("body_bytes"), header.get("crc32")) != (len(body), zlib.crc32(body)):
            raise ValueError("the body is cut off or changed")
        boot_id, tokens, lives = header.get("boot_id"), header.get("tokens"), header.get("lives")
        if (
            not isinstance(boot_id, str)
            or not isinstance(tokens, list)
            or type(lives) is not int
            or lives < 0
        ):
            raise ValueError("the header is of other types")
        if not all(isinstance(token, str) and is_token(token) for token in tokens):
            raise ValueError("a token is none")
        return cls(boot_id, tuple(tokens), lives, body)
