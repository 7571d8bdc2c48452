"""The client's arguments, checked: a wrong one is named, with what is right."""

import re
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.statsd._cleaning import clean_name
from queue_telemetry.statsd._dialect import DIALECTS, Dialect

__all__ = ["check_limits", "checked_dialect", "checked_port", "checked_prefix"]

_DIGITS: Final = re.compile(r"[0-9]{1,5}")
_SMALLEST_PAYLOAD_BYTES: Final = 64
_LARGEST_PAYLOAD_BYTES: Final = 65_507  # 65,535 - 20 (IPv4) - 8 (UDP)
_MAX_PREFIX_CHARS: Final = 100  # half of a name


def check_limits(host: object, maxudpsize: object) -> None:
    """Raise ConfigurationError unless the host may be one and the size of datagrams is within its limits."""
    if not isinstance(host, str) or not host or not host.isprintable() or " " in host:
        raise ConfigurationError(f"STATSD_HOST is {host!r}; it must be a host name or an IP address")
    if maxudpsize is not None and not _is_in(maxudpsize, _SMALLEST_PAYLOAD_BYTES, _LARGEST_PAYLOAD_BYTES):
        raise ConfigurationError(
            f"STATSD_MAX_PAYLOAD_BYTES is {maxudpsize!r}; it must be in "
            f"{_SMALLEST_PAYLOAD_BYTES}..{_LARGEST_PAYLOAD_BYTES}"
        )


def checked_port(port: object) -> int:
    """Return a port that may be digits, as in the package. Raises ConfigurationError when it is none."""
    number = int(port) if isinstance(port, str) and _DIGITS.fullmatch(port) else port
    if not isinstance(number, int) or not _is_in(number, 1, 65_535):
        raise ConfigurationError(f"STATSD_PORT is {port!r}; it must be in 1..65535")
    return number


def _is_in(number: object, smallest: int, largest: int) -> bool:
    return isinstance(number, int) and smallest <= number <= largest


def checked_dialect(dialect: object) -> Dialect:
    """Return a dialect by its name, or as it is. Raises ConfigurationError when there is no such."""
    found = DIALECTS.get(dialect) if isinstance(dialect, str) else dialect
    if not isinstance(found, Dialect):
        raise ConfigurationError(f"STATSD_DIALECT is {dialect!r}; it must be one of {', '.join(DIALECTS)}")
    return found


def checked_prefix(prefix: object, dialect: Dialect) -> str | None:
    """Return a prefix as the dialect has it; None for none. Raises ConfigurationError when it would be another then."""
    if not prefix:
        return None
    clean = clean_name(prefix, dialect) if isinstance(prefix, str) else ""
    text = str(prefix)
    if not clean or clean not in {text, text.replace("-", "_")} or len(text) > _MAX_PREFIX_CHARS:
        raise ConfigurationError(
            f"STATSD_PREFIX is {prefix!r}; it must be a dotted name of at most {_MAX_PREFIX_CHARS} characters "
            f"that dialect {dialect.name!r} keeps as it is"
        )
    if clean != prefix:
        say("statsd_prefix", "Dialect %s has no dashes in names: the prefix is %s.", dialect.name, clean)
    return clean
