"""What is said about a wrong setting: its name as the user spelled it, its value unless secret, what would be right."""

from typing import Final, get_args

from queue_telemetry.logs.formats import FORMATS
from queue_telemetry.settings._parse import HEALTH_REASONS
from queue_telemetry.settings._sources import Given, shown
from queue_telemetry.statsd import ORIGIN_FORM, SOCKET_FORM

__all__ = ["SECRET_FIELDS", "problem", "right_value"]

SECRET_FIELDS: Final = frozenset({"log_url", "log_token", "log_headers", "log_proxy", "health_token"})
"""Fields whose values no message shows."""

_MASK: Final = "**********"

# What would be right, where the type does not say it.
_RIGHT: Final = {
    "tags": "key:value pairs, such as team:core,tier:free",
    "statsd_host": "a host name or an IP address, without a scheme or a port",
    "statsd_socket": SOCKET_FORM,
    "statsd_max_payload_bytes": "a whole number from 64 to 65507",
    "statsd_prefix": "a name such as billing.prod: ASCII letters, digits, _ and -, a letter first, at most 100 characters",
    "statsd_entity_id": ORIGIN_FORM,
    "statsd_external_env": ORIGIN_FORM,
    "log_url": "an http or https URL with a host, such as https://logs.example.com/ingest",
    "log_format": f"{', '.join(FORMATS)}, or an object with the members of queue_telemetry.logs.formats.Format",
    "log_token": "printable ASCII without white space",
    "log_headers": "Name=value pairs in printable ASCII, such as X-Scope=core,X-Source=worker, without Host, Connection and the like",
    "log_tls_ca": "the path of a file that can be read, with certificates in PEM",
    "log_tls_cert": "the path of a file that can be read, with a certificate in PEM",
    "log_tls_key": "the path of a file that can be read, with the key of log_tls_cert, which is to be set as well",
    "log_proxy": "an http or https URL with a host, such as http://proxy.example.com:3128",
    "log_spool_dir": "the path of a directory",
    "log_redact_keys": "names separated by commas, such as card_number,iban",
    "state_dir": "the path of a directory",
    "health_fail_on": f"reasons separated by commas, of {', '.join(HEALTH_REASONS)}",
    "health_host": "a host name or an IP address of this host, without a port",
    "health_port": "a whole number from 0 to 65535",
    "health_agent_port": "a whole number from 0 to 65535",
    "health_token": "printable ASCII without white space",
}


def problem(field: str, given: Given, right: str) -> str:
    """Return the line about one wrong value."""
    value = _MASK if field in SECRET_FIELDS else shown(given.value)
    return f"{given.name}={value}{given.where}: should be {right}"


def right_value(field: str, kind: object, limits: list[object], own_words: str) -> str:
    """Say what a field takes.

    Args:
        field: Its name.
        kind: Its type, without limits.
        limits: Objects of which one has `ge` and one has `le`, for numbers.
        own_words: What the validator that refused said, or empty. Fields with a secret or with text that a library
            parsed are in the table instead, since such words may quote the value.
    """
    if field in _RIGHT:
        return _RIGHT[field]
    if own_words:
        return own_words
    if kind is bool:
        return "true or false"
    if kind is int or kind is float:
        low, high = (
            next(getattr(limit, end) for limit in limits if hasattr(limit, end)) for end in ("ge", "le")
        )
        return f"a {'whole ' if kind is int else ''}number from {low} to {high}"
    *others, last = get_args(kind) or (None,)
    return f"{', '.join(others)} or {last}" if isinstance(last, str) else "text that is not empty"
