"""Read OTLP/JSON bodies, one a line, with the official messages; write each as they understood it, or what is wrong.

Runs where opentelemetry-proto is installed. OTLP/JSON is the JSON of protobuf but that ids are hex, enums are integers
and names are lowerCamelCase only, which its reader takes more loosely, so that is looked at apart.
Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import base64
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

_HEX_DIGITS = {"traceId": 32, "spanId": 16}


def main() -> None:
    """Answer each line of the standard input with one line."""
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(read(line)) + "\n")


def read(body: bytes) -> dict[str, Any]:
    """Return the faults of one body and its records: attributes as plain values, the resource's under theirs."""
    faults: list[str] = []
    document = json.loads(body, parse_constant=lambda name: faults.append(f"{name}: not JSON"))
    message = ExportLogsServiceRequest()
    try:
        json_format.ParseDict(_checked(document, faults), message, ignore_unknown_fields=False)
    except json_format.ParseError as error:
        faults.append(str(error))
    for attributes in _attribute_lists(message):
        keys = [attribute.key for attribute in attributes]
        faults += [f"{key}: more than once" for key in set(keys) if keys.count(key) > 1]
    return {
        "faults": faults,
        "records": [
            {
                **_plain(resource.resource.attributes),
                **_plain(record.attributes),
                "scope": scope.scope.name,
                "body": _value(record.body),
                "time": record.time_unix_nano,
                "observed": record.observed_time_unix_nano,
                "severity": (record.severity_number, record.severity_text),
            }
            for resource in message.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ],
    }


def _checked(node: Any, faults: list[str]) -> Any:
    """Return *node* as protobuf's reader takes it, ids in base64; append what OTLP forbids and the reader allows."""
    if isinstance(node, list):
        return [_checked(item, faults) for item in node]
    if not isinstance(node, dict):
        return node
    found = {}
    for key, value in node.items():
        if "_" in key:
            faults.append(f"{key}: not lowerCamelCase")
        if key == "severityNumber" and not isinstance(value, int):
            faults.append(f"{key}: not an integer")
        digits = _HEX_DIGITS.get(key)
        if digits is None:
            found[key] = _checked(value, faults)
        elif re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
            found[key] = base64.b64encode(bytes.fromhex(value)).decode()
        else:
            faults.append(f"{key}: not {digits} hex digits")
    return found


def _attribute_lists(message: Any) -> Iterator[Any]:
    for resource in message.resource_logs:
        yield resource.resource.attributes
        for scope in resource.scope_logs:
            yield from (record.attributes for record in scope.log_records)


def _plain(attributes: Any) -> dict[str, Any]:
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _plain(value.kvlist_value.values)
    return getattr(value, kind)


main()
