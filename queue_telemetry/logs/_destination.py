"""Name the place where records go, so that a spool's are never taken to another. Pure: no clock, no socket, no state.

A tenant, a table or a data set may be named in the path, the query, a header or the user of Basic authorization.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl

from queue_telemetry.logs._redaction import Redactor

__all__ = ["destination_name", "names_secret"]

_CHARS: Final = 16
names_secret: Final = Redactor(("key", "sig", "code", "x-honeycomb-team")).is_secret
"""Tells whether the value of a header or of a query's key is a secret; no such key names a place."""
_ROUTES_NOTHING: Final = frozenset(
    {"accept", "accept-encoding", "connection", "content-encoding", "content-type", "user-agent"}
)
_BASIC: Final = re.compile(r"basic +([\w+/=-]+)", re.IGNORECASE)


def destination_name(
    wire_format: str, url: SplitResult, headers: Mapping[str, str], given: Mapping[str, str]
) -> str:
    """Return a short name, the same after a password, a token or a key was rotated.

    Args:
        wire_format: The format's name.
        url: Without user information, with the collector's path.
        headers: Lower-case names to values, of each request.
        given: Those of them that the user set.
    """
    place = [f"{wire_format} {url.scheme}://{url.netloc}{url.path or '/'}", *_queried(url.query)]
    place += (
        f"{name}: {given[name]}" for name in sorted(given.keys() - _ROUTES_NOTHING) if not names_secret(name)
    )
    place.append(_user_of(headers.get("authorization", "")))
    return hashlib.sha256("\n".join(place).encode("utf-8", "replace")).hexdigest()[:_CHARS]


def _queried(query: str) -> Iterator[str]:
    for name, value in sorted(parse_qsl(query, keep_blank_values=True)):
        if not names_secret(name):
            yield f"{name}={value}"


def _user_of(authorization: str) -> str:
    """Return the user of Basic authorization; nothing of a user without a password, which is a key itself.

    Source: https://www.rfc-editor.org/rfc/rfc7617#section-2
    """
    basic = _BASIC.fullmatch(authorization)
    if basic is None:
        return ""
    try:
        user, _, password = base64.b64decode(basic[1]).decode("utf-8", "replace").partition(":")
    except ValueError:
        return ""
    return user if password else ""
