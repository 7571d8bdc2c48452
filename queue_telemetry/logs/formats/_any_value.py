"""Write a plain value as OpenTelemetry's AnyValue in JSON. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from typing import Final

from queue_telemetry.logs.formats._records import text_of

__all__ = ["any_value", "attributes"]

_DEPTH: Final = 8  # each level is four in this notation, and parsers stop at about a hundred
_SCALARS: Final[Mapping[type, str]] = {str: "stringValue", bool: "boolValue", float: "doubleValue"}
_LARGEST: Final = 2**63  # its integers are signed


def attributes(fields: Mapping[str, object]) -> list[dict[str, object]]:
    """Return key-value pairs; a null is left out, since an empty AnyValue is refused by some.

    Source: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto
    """
    return _pairs(fields, _DEPTH)


def any_value(value: object) -> dict[str, object]:
    """Return *value* with its type; what is nested too deep, and an integer that is too large, as text."""
    return _any_value(value, _DEPTH)


def _any_value(value: object, depth: int) -> dict[str, object]:
    name = _SCALARS.get(type(value))
    if name is not None:
        return {name: value}
    if isinstance(value, int) and -_LARGEST <= value < _LARGEST:
        return {"intValue": str(value)}
    if depth and isinstance(value, list):
        return {"arrayValue": {"values": [_any_value(item, depth - 1) for item in value]}}
    if depth and isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs(value, depth - 1)}}
    return {"stringValue": text_of(value)}


def _pairs(fields: Mapping[str, object], depth: int) -> list[dict[str, object]]:
    kinds = _SCALARS  # most values are text, and there are many
    return [
        {
            "key": key,
            "value": {kinds[type(value)]: value} if type(value) in kinds else _any_value(value, depth),
        }
        for key, value in fields.items()
        if value is not None
    ]
