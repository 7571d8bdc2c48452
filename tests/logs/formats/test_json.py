"""A JSON array."""

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action
from queue_telemetry.logs.formats import JsonFormat


def test_lines_become_one_array() -> None:
    lines = bytearray(b'{"a":"x\\ny"}\n{"a":2}\n')

    assert b'[{"a":"x\\ny"},{"a":2}]' == JsonFormat().body(lines)
    assert b'{"a":"x\\ny"}\n{"a":2}\n' == lines


def test_the_content_type_is_exact() -> None:
    assert {"content-type": "application/json"} == JsonFormat().headers


def test_fluent_bit_says_created() -> None:
    assert Action.DECIDED is JsonFormat().read(Answer(201), 2).action
