"""Grafana Loki's push interface, version 1. Pure but for the time of a record that has none."""

import re
import time
from collections.abc import Mapping
from typing import Final

import orjson

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action, Verdict, excerpt_of, read_status
from queue_telemetry.logs.formats._address import with_path
from queue_telemetry.logs.formats._moment import epoch_us
from queue_telemetry.logs.formats._records import parse, split, text_of

__all__ = ["LokiFormat"]

_HEADERS: Final = {"content-type": "application/json"}  # any other is taken for snappy and protobuf
_METADATA: Final = (
    "event",
    "task_id",
    "task_type",
    "queue",
    "worker_id",
    "record_id",
    "host",
    "trace_id",
    "span_id",
)
_VALUE_CHARS: Final = 512  # of a label 2,048 bytes are taken, of all metadata of a line 64 KiB
_UNKNOWN: Final = "unknown_service"  # as Loki names what comes without
_BLOCKED: Final = 260  # Loki's own status: ingestion is blocked for this tenant, on purpose
# Lines are counted by the distributor for each reason, by the ingester for a stream.
_REFUSED: Final = re.compile(rb"\b(\d{1,9}) errors like: |total ignored: (\d{1,9}) out of ")
_ITS_WORDS: Final = re.compile(
    rb"errors like: |total ignored: |push ?request|max entry size|\bentry (?:for stream|out of order|too far|with timestamp)"
    rb"|\bstream '|valid stream|label (?:names?|values?|pair)|parsing labels|timestamp too|structured metadata",
    re.IGNORECASE,
)
"""One of these is in whatever Loki's distributor and ingester say of a request.

Source: https://github.com/grafana/loki/blob/main/pkg/validation/validate.go
"""


class LokiFormat:
    """Sends streams of lines: the record as JSON is the line, few labels find it, ids are structured metadata.

    Labels are service_name, env and level, whose values are few; each combination is a stream. Entries are sorted by
    time in each. The same entry twice is stored once, so that a repeated request does no harm. Loki takes lines of
    256 KiB, up to 7 days old, and by default 4 MB a second of a tenant, so that much larger requests are never taken.

    Source: https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
    """

    name = "loki"
    headers: Mapping[str, str] = _HEADERS
    max_records = 1_000
    max_batch_bytes = 1024 * 1024  # as much as Grafana's own agent sends; quoted it is at most twice that
    max_record_bytes = 256 * 1024
    max_answer_bytes = 64 * 1024
    max_age_s = 7 * 86_400.0

    def url(self, url: str) -> str:
        """Return *url* with `/loki/api/v1/push` where it has no path."""
        return with_path(url, "/loki/api/v1/push")

    def authorization(self, token: str) -> Mapping[str, str]:
        """Send the *token* as Bearer; Grafana Cloud wants user and key in the URL, tenants are a header of the user's."""
        return {"authorization": f"Bearer {token}"}

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the streams in the order of their first line."""
        streams: dict[tuple[str, ...], list[tuple[int, list[object]]]] = {}
        for line in split(lines):
            record = parse(line)
            moment_us = epoch_us(record)
            moment_ns = time.time_ns() if moment_us is None else moment_us * 1000
            entry: list[object] = [str(moment_ns), line.decode("utf-8", "replace")]
            metadata = {key: text_of(record[key])[:_VALUE_CHARS] for key in _METADATA if key in record}
            if metadata:
                entry.append(metadata)
            streams.setdefault(_labels(record), []).append((moment_ns, entry))
        for entries in streams.values():
            entries.sort(key=_moment)
        return orjson.dumps(
            {
                "streams": [
                    {
                        "stream": dict(zip(labels[::2], labels[1::2], strict=True)),
                        "values": [entry for _, entry in entries],
                    }
                    for labels, entries in streams.items()
                ]
            }
        )

    def read(self, answer: Answer, records: int) -> Verdict:
        """Judge by the status; a 400 stored all but the lines that it counts in its text, or none when it counts none.

        A 400 with none of Loki's words is a proxy's, which a wrong address or setting makes.
        """
        if answer.status == _BLOCKED:
            return Verdict(Action.PARK, excerpt=excerpt_of(answer.body))
        if answer.status != 400:
            return read_status(answer)
        if not _ITS_WORDS.search(answer.body):
            return Verdict(Action.PARK, excerpt=excerpt_of(answer.body))
        refused = sum(int(like or ignored) for like, ignored in _REFUSED.findall(answer.body)) or records
        return Verdict(Action.DECIDED, unnamed=min(refused, records), excerpt=excerpt_of(answer.body))


def _labels(record: Mapping[str, object]) -> tuple[str, ...]:
    """Return names and values in turn; service_name always and never empty, since a stream needs a label that is not."""
    labels = ["service_name", text_of(record.get("service") or _UNKNOWN)[:_VALUE_CHARS]]
    if "env" in record:
        labels += "env", text_of(record["env"])[:_VALUE_CHARS]
    if "level" in record:
        labels += "level", text_of(record["level"]).lower()[:_VALUE_CHARS]
    return tuple(labels)


def _moment(entry: tuple[int, list[object]]) -> int:
    return entry[0]
