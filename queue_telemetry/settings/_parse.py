"""Turn a setting's text into its value, or refuse it. Pure: no clock, no socket, no state.

Each refusal is a ValueError without a text: the model knows what would be right, and the value may be a secret.
"""

import os
import re
from bisect import bisect
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from queue_telemetry.statsd import DIALECTS, Origin, parse_socket_path

__all__ = [
    "HEALTH_REASONS",
    "check_file",
    "check_header",
    "check_host",
    "check_interval",
    "check_origin",
    "check_path",
    "check_prefix",
    "check_reasons",
    "check_socket",
    "check_token",
    "check_url",
    "lower_case",
    "split_headers",
    "split_names",
    "split_tags",
    "upper_case",
]

HEALTH_REASONS: Final = (
    "configuration_invalid",
    "failure_ratio",
    "heartbeat_stale",
    "oldest_task_age",
    "probe_stale",
    "queue_size",
    "retry_storm",
    "saturation",
    "stuck_task",
    "telemetry_failing",
    "wait_p95",
    "workers_below_minimum",
)
"""What can be wrong with a process, as its health report names it."""

_LONGEST_HOST: Final = 253  # RFC 1035, 255 bytes on the wire
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, a field name
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")  # what the HTTP client can send; no CR, no LF
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_MAX_PREFIX_CHARS: Final = 100  # leaves a name its other half
_INTERVALS_S: Final = tuple(
    10 / count for count in (100, 80, 64, 50, 40, 32, 25, 20, 16, 10, 8, 5, 4, 2, 1)
)  # those that can be written down exactly
_PREFIX: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*"
)  # what every StatsD server leaves as it is
_OWN_HEADERS: Final = frozenset(
    {"connection", "content-encoding", "content-length", "host", "transfer-encoding"}
)


def check_host(host: str) -> str:
    """Return a host name or an address, an IPv6 one without its brackets."""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    port_follows = host.count(":") == 1
    if not host or len(host) > _LONGEST_HOST or port_follows or re.search(r"[\s/\\@\[\]\x00-\x1f]", host):
        raise ValueError
    host.encode("idna")  # as the resolver will; its UnicodeError is a ValueError
    return host


def check_interval(interval_s: float) -> float:
    """Refuse a length of windows of which no whole number makes the 10 s over which receivers add up."""
    if interval_s not in _INTERVALS_S:
        at = bisect(_INTERVALS_S, interval_s)
        below, above = _INTERVALS_S[at - 1 : at + 1]
        raise ValueError(f"{below:g} or {above:g}, a whole number of which makes the 10 s of receivers")
    return interval_s


def check_origin(text: str) -> str:
    """Refuse what would end a field of a line."""
    Origin.of(text, None, DIALECTS["datadog"])
    return text


def check_path(path: Path) -> Path:
    """Return a path that the operating system can look for; it need not exist. A shell would have replaced a `~`."""
    if "\0" in str(path) or str(path).startswith("~"):
        raise ValueError
    return path


def check_file(path: Path) -> Path:
    """Return the path of a file that can be read."""
    check_path(path)
    try:
        usable = path.is_file() and os.access(path, os.R_OK)
    except OSError:  # a name that is too long, or a folder that nobody may look into
        usable = False
    if not usable:
        raise ValueError
    return path


def check_prefix(prefix: str) -> str:
    """Return the prefix of metric names without dots at its ends, since one is put between."""
    prefix = prefix.strip(".")
    if not _PREFIX.fullmatch(prefix) or len(prefix) > _MAX_PREFIX_CHARS:
        raise ValueError
    return prefix


def check_socket(text: str) -> str:
    """Refuse what is not the path of a Unix socket or a URL of one."""
    parse_socket_path(text)
    return text


def check_url(url: str) -> None:
    """Refuse what is not an http or https URL with a host."""
    parts = urlsplit(url)
    if not _VISIBLE.fullmatch(url) or parts.scheme not in {"http", "https"} or parts.port == 0:
        raise ValueError
    check_host(parts.hostname or "")


def check_token(token: str) -> None:
    """Refuse what cannot stand in an Authorization header."""
    if not _VISIBLE.fullmatch(token):
        raise ValueError


def check_header(name: str, value: str) -> None:
    """Refuse what is not one header, such as a value that begins another, and what the library sets itself."""
    own = name.lower() in _OWN_HEADERS
    if own or not _TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
        raise ValueError


def split_tags(value: object) -> dict[str, str]:
    """Return the tags of `team:core,tier:free` or of a mapping; white space separates as a comma does.

    Source: https://docs.datadoghq.com/agent/docker/#global-options (DD_TAGS)
    """
    if isinstance(value, str):
        value = dict(tag.partition(":")[::2] for tag in re.split(r"[\s,]+", value) if tag)
    if not isinstance(value, Mapping):
        raise ValueError  # noqa: TRY004 - a validator refuses by ValueError
    tags = dict(value)
    for key, text in tags.items():
        if not (isinstance(key, str) and key and isinstance(text, str) and text):
            raise ValueError
    return tags


def split_headers(value: object) -> object:
    """Return the headers of `Name=value,Name2=value2`; a value with a comma can only come in a mapping."""
    if not isinstance(value, str):
        return value
    headers: dict[str, str] = {}
    for item in filter(str.strip, value.split(",")):
        name, equals, text = item.partition("=")
        if not equals:
            raise ValueError
        headers[name.strip()] = text.strip()
    return headers


def split_names(value: object) -> object:
    """Return the names of `password, card_number`; white space around them does not count."""
    if isinstance(value, str):
        return tuple(name for name in map(str.strip, value.split(",")) if name)
    return value


def check_reasons(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of health reasons in lower case; refuse others."""
    lower = tuple(name.lower() for name in names)
    if not set(lower) <= set(HEALTH_REASONS):
        raise ValueError
    return lower


def upper_case(value: object) -> object:
    """Return text in upper case, for names whose case does not matter."""
    return value.upper() if isinstance(value, str) else value


def lower_case(value: object) -> object:
    """Return text in lower case, for names whose case does not matter; anything else as it is."""
    return value.strip().lower() if isinstance(value, str) else value
