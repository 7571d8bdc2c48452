"""Splunk's HTTP Event Collector. Pure: no clock, no socket, no state."""

import math
from collections.abc import Mapping
from typing import Final

import orjson

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action, Rejection, Verdict, excerpt_of, read_status
from queue_telemetry.logs.formats._address import with_path
from queue_telemetry.logs.formats._moment import epoch_us
from queue_telemetry.logs.formats._records import parse, split, text_of
from queue_telemetry.logs.formats._said import json_of

__all__ = ["SplunkFormat"]

_HEADERS: Final = {"content-type": "application/json"}
_BUSY: Final = frozenset({8, 9, 26, 27})  # internal error, server busy, queues at capacity
_MISCONFIGURED: Final = frozenset({7, 10, 11, 14, 16})  # the token's index, channels and acknowledgements


class SplunkFormat:
    """Sends concatenated events, each with the record as it is, in Splunk's envelope.

    Acknowledgement by the indexer is not asked for: a token that demands it is refused until it is turned off. Splunk
    Cloud takes about 1 MB a request.

    Source: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector,
    https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector
    """

    name = "splunk"
    headers: Mapping[str, str] = _HEADERS
    max_records = 1_000
    max_batch_bytes = 800_000  # of 1,000,000, with 200 a record for the envelope
    max_record_bytes = 800_000
    max_answer_bytes = 64 * 1024
    max_age_s = math.inf

    def url(self, url: str) -> str:
        """Return *url* with `/services/collector/event` where it has no path."""
        return with_path(url, "/services/collector/event")

    def authorization(self, token: str) -> Mapping[str, str]:
        """Send the *token* as Splunk's own kind of authorization."""
        return {"authorization": f"Splunk {token}"}

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the events, one after the other without anything between."""
        return b"".join(map(_event, split(lines)))

    def read(self, answer: Answer, records: int) -> Verdict:
        """Judge by the status and Splunk's own code.

        A success with a code other than 0 is none. A refused request that names an invalid event has stored those before it and has not read those after it.
        """
        said = json_of(answer.body)
        code, place = said.get("code"), said.get("invalid-event-number")
        success = answer.status is not None and 200 <= answer.status < 300
        if not isinstance(code, int):
            code = None
        if code in _BUSY and (success or answer.status == 400):
            return Verdict(Action.RETRY, excerpt=excerpt_of(answer.body))
        if answer.status != 400 and (not success or not code):
            return read_status(answer)
        excerpt = excerpt_of(answer.body)
        if code in _MISCONFIGURED:
            return Verdict(Action.PARK, excerpt=excerpt)
        if type(place) is int and 0 <= place < records:  # true is no place
            bad = Rejection(place, 400, excerpt)
            return Verdict(Action.DECIDED, (bad,), tuple(range(place + 1, records)), excerpt=excerpt)
        return Verdict(Action.BISECT, excerpt=excerpt)


def _event(line: bytes) -> bytes:
    record = parse(line)
    moment_us = epoch_us(record)
    envelope = {
        name: text_of(record[key])[:200]
        for name, key in (("host", "host"), ("source", "service"))
        if key in record
    }
    envelope["sourcetype"] = "_json"
    time = b"" if moment_us is None else b'"time":%.3f,' % (moment_us // 1000 / 1000)
    return b"{" + time + orjson.dumps(envelope)[1:-1] + b',"event":' + line + b"}"
