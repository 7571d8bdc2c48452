"""Put a collector's address and the headers of its requests together. Pure: no clock, no socket, no state."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

__all__ = ["Endpoint"]


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
    def parse(cls, url: str, token: str | None, headers: Mapping[str, str]) -> "Endpoint":
        """Put the parts together; the settings have checked them.

        Args:
            url: http or https; user information becomes Basic authorization.
            token: Sent as Bearer authorization, which wins over the URL's; None sends none.
            headers: Further headers; they win over what the library would send.
        """
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        bare = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
        named = {name.lower(): value.strip() for name, value in headers.items()}
        return cls(bare, parts.scheme == "https", _authorization(parts, token) | named)


def _authorization(parts: SplitResult, token: str | None) -> dict[str, str]:
    if token is not None:
        return {"authorization": f"Bearer {token}"}
    if not (parts.username or parts.password):
        return {}
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}
