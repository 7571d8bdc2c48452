"""Take lines apart into records, and give their fields the names that a collector knows. Pure."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

import orjson

from queue_telemetry.logs._record import free_key

__all__ = ["parse", "renamed", "split", "text_of"]


def split(lines: bytearray) -> Iterator[bytes]:
    """Give the lines without their newlines, one by one: all at once would be the batch a second time in memory."""
    start, end = 0, lines.find(b"\n")
    while end >= 0:  # no newline is inside a line, and one ends the last
        yield bytes(lines[start:end])
        start = end + 1
        end = lines.find(b"\n", start)


def parse(line: bytes) -> dict[str, object]:
    """Return the record of one *line*; of something else, a record with it as its message. Must not raise."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {"message": line.decode("utf-8", "replace")}
    return record if isinstance(record, dict) else {"message": line.decode("utf-8", "replace")}


def text_of(value: object) -> str:
    """Return a field's value as text: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode("utf-8")


def renamed(
    record: Mapping[str, object], names: Mapping[str, str], taken: AbstractSet[str]
) -> dict[str, object]:
    """Return *record* with the library's keys under the collector's names.

    Args:
        record: A flat record.
        names: The library's keys to the collector's.
        taken: Keys that mean something to the collector: a user's of that name becomes `extra_<key>`.
    """
    if taken.isdisjoint(record):
        return {names.get(key, key): value for key, value in record.items()}
    result: dict[str, object] = {}
    for key, value in record.items():
        name = names.get(key)
        if name is None:
            name = key if key not in taken else free_key(f"extra_{key}", record, result)
        result[name] = value
    return result
