"""What one process tells the others, as a value and as bytes. Pure: no clock, no file, no state."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar

import orjson

__all__ = ["State", "group_of", "is_token"]

T = TypeVar("T")

_FORMAT: Final = 1
_TOKEN: Final = re.compile(r"[0-9a-f]{16}")
_LARGEST: Final = 2**63 - 1
_LATEST_S: Final = 1e12  # of what no clock shows: minutes and ages are worked out from it


@dataclass(frozen=True, slots=True)
class State:
    """One publication.

    Attributes:
        token: Names the life that is told of, 16 hexadecimal digits, never used again. One process may have several:
            one for each telemetry, a new one after a fork and after a close.
        sequence: Which publication of this life it is; of two the one with the greater number stands.
        pid: The process.
        start_ticks: When it started; together with `pid` it tells processes apart.
        boot_id: The boot of the host in which it was written.
        service: Whose state it is; None when not configured.
        published_s: When, monotonic seconds.
        ended: Nothing more comes, since the life was closed; one that dies otherwise had no time to say so.
        facts: What is so now and is over with the process; plain JSON.
        body: What was counted, which outlives the process; opaque here.
    """

    token: str
    sequence: int
    pid: int
    start_ticks: int
    boot_id: str
    service: str | None
    published_s: float
    ended: bool
    facts: Mapping[str, object] = field(default_factory=dict)
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes of it: one line of JSON, and behind it the body.

        Raises:
            TypeError: The facts are no JSON.
        """
        header = {
            "format": _FORMAT,
            "token": self.token,
            "sequence": self.sequence,
            "pid": self.pid,
            "start_ticks": self.start_ticks,
            "boot_id": self.boot_id,
            "service": self.service,
            "published_s": self.published_s,
            "ended": self.ended,
            "facts": self.facts,
        }
        return orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE) + self.body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the state that *data* is of.

        Raises:
            ValueError: It is of another format, or no state at all.
        """
        line, newline, body = data.partition(b"\n")
        header = orjson.loads(line)
        if not newline or not isinstance(header, dict) or header.get("format") != _FORMAT:
            raise ValueError("no state of this format")
        token = _typed(header, "token", str)
        if not is_token(token):
            raise ValueError("the token is none")
        service = header.get("service")
        published_s = header.get("published_s")
        if not isinstance(service, str | None):
            raise ValueError("the service is of another type")  # noqa: TRY004 - the file is wrong, not the program
        if not isinstance(published_s, int | float) or isinstance(published_s, bool):
            raise ValueError("the time is of another type")  # noqa: TRY004 - the same
        if not 0 <= published_s <= _LATEST_S:
            raise ValueError("the time is none of a clock")
        return cls(
            token=token,
            sequence=_number(header, "sequence"),
            pid=_number(header, "pid"),
            start_ticks=_number(header, "start_ticks"),
            boot_id=_typed(header, "boot_id", str),
            service=service,
            published_s=float(published_s),
            ended=_typed(header, "ended", bool),
            facts=_typed(header, "facts", dict),
            body=body,
        )


def group_of(service: str | None) -> str:
    """Return the name, fit for a file, of all states of one service; no service is a group as well."""
    text = "-" if service is None else f"={service}"
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def is_token(text: str) -> bool:
    """Tell whether *text* can be a life's token."""
    return _TOKEN.fullmatch(text) is not None


def _typed(header: Mapping[str, object], key: str, kind: type[T]) -> T:
    value = header.get(key)
    if not isinstance(value, kind):
        raise ValueError(f"{key} is of another type")  # noqa: TRY004 - the file is wrong, not the program
    return value


def _number(header: Mapping[str, object], key: str) -> int:
    value = header.get(key)
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise ValueError(f"{key} is no number in range")
    return value
