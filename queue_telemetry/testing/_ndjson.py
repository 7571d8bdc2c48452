"""Reads an NDJSON body strictly, each line as one JSON object. Pure: no clock, no socket, no state."""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn

__all__ = ["BodyRefusedError", "read_body"]


class BodyRefusedError(ValueError):
    """A body that a strict collector answers with 400.

    Attributes:
        line: The line that is wrong, or the start of the body when no line can be named.
        reason: What is wrong with it.
    """

    def __init__(self, line: bytes, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


_SHOWN_BYTES: Final = 200
_DECODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {"identity": bytes, "gzip": gzip.decompress}
)


def read_body(body: bytes, content_encoding: str = "identity") -> list[dict[str, object]]:
    """Return the records of a body of newline-delimited JSON objects; the last newline may be missing.

    Args:
        body: The body as it came.
        content_encoding: `identity` or `gzip`.

    Raises:
        BodyRefusedError: The encoding is unknown or broken, or a line is not exactly one JSON object in UTF-8 with
            distinct keys, finite numbers and no lone surrogate.

    Source: https://github.com/ndjson/ndjson-spec
    """
    decode = _DECODERS.get(content_encoding)
    if decode is None:
        raise BodyRefusedError(body[:_SHOWN_BYTES], f"unknown content encoding {content_encoding!r}")
    try:
        text = decode(body)
    except (OSError, EOFError, zlib.error) as error:
        raise BodyRefusedError(body[:_SHOWN_BYTES], f"not {content_encoding}: {error}") from error
    return [_read_record(line) for line in text.removesuffix(b"\n").split(b"\n")]


def _read_record(line: bytes) -> dict[str, object]:
    if not line:
        raise BodyRefusedError(line, "an empty line")
    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escaped lone surrogate cannot be stored
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise BodyRefusedError(line, f"not Unicode: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        raise BodyRefusedError(line, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BodyRefusedError(line, f"not an object: {type(value).__name__}")
    return value


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key twice in one object")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name} is not JSON")
