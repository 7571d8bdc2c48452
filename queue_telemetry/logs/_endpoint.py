"""Put a collector's address and all that is the same in each request to it together. Pure: no clock, no socket."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs._destination import destination_name, names_secret
from queue_telemetry.logs._tls import TlsFiles
from queue_telemetry.logs.formats import Format, NdjsonFormat

__all__ = ["Endpoint"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110, a field name, lower case here
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")  # no CR and no LF, which would begin another header


_LEAST_SECRET_CHARS: Final = 8  # a shorter one is in many words of an answer


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A collector's address, the way there and the headers of each request.

    Attributes:
        url: Without user information, with the collector's path. May hold a key in its query: never log it.
        is_tls: Whether it is https.
        headers: Lower-case names to values, authorization and content type included.
        destination: A short name of where records go, tenant and table included: the same after a key was rotated.
        max_answer_bytes: How much of an answer's body is read.
        tls: The user's files.
        proxy: The proxy's URL, http or https; user information is its password. None goes straight.
        secrets: What may stand in no file: an answer that quotes it is stripped of it.
    """

    url: str = field(repr=False)
    is_tls: bool
    headers: dict[str, str] = field(repr=False)
    destination: str
    max_answer_bytes: int
    tls: TlsFiles = field(default_factory=TlsFiles)
    proxy: str | None = field(default=None, repr=False)
    secrets: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def parse(
        cls,
        url: str,
        token: str | None,
        headers: Mapping[str, str],
        wire_format: Format | None = None,
        *,
        tls: TlsFiles | None = None,
        proxy: str | None = None,
    ) -> "Endpoint":
        """Put the parts together; the settings have checked them.

        Args:
            url: http or https; user information becomes Basic authorization.
            token: Sent as the format says, which wins over the URL's user information; None sends none.
            headers: Further headers; they win over what the library would send.
            wire_format: Knows the path and headers that the collector wants; None is NDJSON.
            tls: The user's files.
            proxy: The proxy's URL.

        Raises:
            ConfigurationError: A header cannot be sent: its value would begin another one, say.
        """
        wire_format = wire_format or NdjsonFormat()
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        bare = urlsplit(wire_format.url(urlunsplit((parts.scheme, host, parts.path, parts.query, ""))))
        address = urlunsplit((bare.scheme, bare.netloc, bare.path or "/", bare.query, ""))
        named = {name.lower(): value.strip() for name, value in headers.items()}
        given = dict(_authorization(parts, token, wire_format))
        all_headers = {name.lower(): value for name, value in (*wire_format.headers.items(), *given.items())}
        all_headers |= named
        _check(all_headers)
        return cls(
            address,
            bare.scheme == "https",
            all_headers,
            destination_name(wire_format.name, bare, all_headers, named),
            wire_format.max_answer_bytes,
            tls or TlsFiles(),
            proxy,
            _secrets(parts, token, all_headers),
        )


def _authorization(parts: SplitResult, token: str | None, wire_format: Format) -> Mapping[str, str]:
    if token is not None:
        return wire_format.authorization(token)
    if not (parts.username or parts.password):
        return {}
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}


def _secrets(parts: SplitResult, token: str | None, headers: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the token, the password and the values of secret headers and keys of the query, without their scheme."""
    found = [token or "", unquote(parts.password or "")]
    found += [value for key, value in parse_qsl(parts.query) if names_secret(key)]
    found += [value.rpartition(" ")[2] for name, value in headers.items() if names_secret(name)]
    return tuple({secret.encode() for secret in found if len(secret) >= _LEAST_SECRET_CHARS})


def _check(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ConfigurationError(
                f"the header {name!a} cannot be sent: should be a name and a value in printable ASCII, in one line"
            )
