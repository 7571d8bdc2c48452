"""Read what a collector's answer says in JSON, whatever it is. Pure: no clock, no socket, no state."""

import orjson

__all__ = ["count_in", "json_of"]


def json_of(body: bytes) -> dict[str, object]:
    """Return the answer's object; an empty one when it says nothing that can be read."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def count_in(value: object) -> int:
    """Return a number of records, which may come as text; 0 when it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:12])
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0
