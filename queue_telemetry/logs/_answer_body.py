"""Decompress the body of an answer without ever holding more of it than was asked for. Pure."""

import zlib
from typing import Final

__all__ = ["decoded"]

_ANY_CONTAINER: Final = 47  # zlib's way to say: gzip or zlib, whichever it is
_PLAIN: Final = frozenset({"", "identity"})
_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})


def decoded(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the first *max_bytes* of what *body* says; what cannot be decoded says nothing. Must not raise.

    Args:
        body: As it came, perhaps cut.
        encoding: Its Content-Encoding.
        max_bytes: A thousandth of it may be a bomb, so decoding stops there.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.content-encoding
    """
    encoding = encoding.strip().lower()
    if encoding in _PLAIN:
        return body[:max_bytes]
    if encoding not in _COMPRESSED:
        return b""
    try:
        return zlib.decompressobj(_ANY_CONTAINER).decompress(body, max_bytes)
    except zlib.error:
        return b""
