"""Check where logs go and with which headers, before anything is sent. Pure: no clock, no socket, no state."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from queue_telemetry.exceptions import ConfigurationError

__all__ = ["Endpoint"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~]*")
_OURS: Final = frozenset({"connection", "content-encoding", "content-length", "host", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A collector's address and the headers of each request.

    Attributes:
        url: Without user information. May hold a key in its query: never log it.
        is_tls: Whether it is https.
        headers: Lower-case names to values, authorization included.
    """

    url: str = field(repr=False)
    is_tls: bool
    headers: dict[str, str] = field(repr=False)

    @classmethod
    def parse(
        cls, url: str, token: str | None = None, headers: Mapping[str, str] | None = None
    ) -> "Endpoint":
        """Check the parts and put them together.

        Args:
            url: http or https; user information becomes Basic authorization.
            token: Sent as Bearer authorization.
            headers: Further headers; they win over what the library would send.

        Raises:
            ConfigurationError: The URL has no http scheme, no host or a wrong port, contains characters that no URL
                has; the token or a header cannot be sent as they are; or a header is the library's own business.

        Source: https://www.rfc-editor.org/rfc/rfc9110#name-field-values
        """
        parts = _split(url)
        checked = {"authorization": _authorization(parts, token)} if token or parts.username else {}
        for name, value in (headers or {}).items():
            lower = name.lower()
            if not _NAME.fullmatch(name):
                raise ConfigurationError(f"LOG_HEADERS has the name {name!r}; a header's name is one word")
            if lower in _OURS:
                raise ConfigurationError(f"LOG_HEADERS has {name!r}, which the library sets itself")
            if not _VALUE.fullmatch(value):
                raise ConfigurationError(
                    f"LOG_HEADERS has a line break or a non-ASCII character in the value of {name!r}"
                )
            checked[lower] = value.strip()
        host = parts.netloc.rpartition("@")[2]
        bare = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
        return cls(bare, parts.scheme == "https", checked)


def _split(url: str) -> SplitResult:
    shown = "LOG_URL"
    if any(character <= " " or character == "\x7f" for character in url):
        raise ConfigurationError(f"{shown} contains a space or a control character")
    try:
        parts = urlsplit(url)
        valid_port = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigurationError(f"{shown} is no URL, or its port is not in 1-65535") from None
    if parts.scheme not in {"http", "https"}:
        raise ConfigurationError(
            f"{shown} has the scheme {parts.scheme!r}; it must begin with http:// or https://"
        )
    if not parts.hostname:
        raise ConfigurationError(f"{shown} has no host; it must be like https://logs.example.com/path")
    if not valid_port:
        raise ConfigurationError(f"{shown} has the port 0; it must be in 1-65535")
    return parts


def _authorization(parts: SplitResult, token: str | None) -> str:
    if token:
        if not _VALUE.fullmatch(token):
            raise ConfigurationError("LOG_TOKEN contains a line break or a non-ASCII character")
        return f"Bearer {token.strip()}"
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
