"""The bulk interface of Elasticsearch and OpenSearch. Pure: no clock, no socket, no state."""

import math
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import orjson

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action, Rejection, Verdict, excerpt_of, read_status
from queue_telemetry.logs.formats._records import parse, renamed, split, text_of
from queue_telemetry.logs.formats._said import json_of

__all__ = ["ElasticsearchFormat"]

_HEADERS: Final = {"content-type": "application/x-ndjson"}
_FILTER: Final = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"
_NAMES: Final = {
    "timestamp": "@timestamp",
    "level": "log.level",
    "logger": "log.logger",
    "function": "log.origin.function",
    "line": "log.origin.file.line",
    "event": "event.action",
    "service": "service.name",
    "env": "service.environment",
    "version": "service.version",
    "host": "host.name",
    "pid": "process.pid",
    "thread": "process.thread.name",
}
# A plain value where these names need an object would make the whole record unacceptable.
_TAKEN: Final = frozenset({*_NAMES.values(), "log", "process"})
_NO_DATASET: Final = re.compile(r"[^a-z0-9_.]+")
# How its answer begins, which may be cut.
_ERRORS: Final = re.compile(rb'\s*\{\s*(?:"took"\s*:\s*\d+\s*,\s*)?"errors"\s*:\s*(true|false)')
_ID_BYTES: Final = 512  # a longer one is refused
_ALREADY_STORED: Final = 409  # by an earlier attempt: the id is ours
_TOO_MANY: Final = 429
_NOT_ALLOWED: Final = frozenset({401, 403})
_NOT_SAID: Final = 400  # of an error whose status a `filter_path` of the user's leaves out


class ElasticsearchFormat:
    """Sends `create` actions with the record's own id, so that a repeated request stores nothing twice.

    Fields have the names of the Elastic Common Schema, whose templates refuse a `host` that is plain text.

    Args:
        index: The data stream or index of every record; empty when the URL names it. None takes the data stream
            `logs-<service>-<env>` of each record: also behind a proxy's path, which `LOG_FORMAT=elasticsearch` would
            take for an index.

    Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk,
    https://www.elastic.co/docs/reference/ecs
    """

    name = "elasticsearch"
    headers: Mapping[str, str] = _HEADERS
    max_records = 1_000
    max_batch_bytes = 5 * 1024 * 1024  # small nodes take 10 MiB
    max_record_bytes = 1024 * 1024
    max_answer_bytes = 4 * 1024 * 1024  # one item a record
    max_age_s = math.inf

    def __init__(self, index: str | None = None) -> None:
        self._index = index

    @classmethod
    def for_url(cls, url: str) -> "ElasticsearchFormat":
        """Return the format for the user's *url*: a path other than `/_bulk` names the index."""
        return cls("" if urlsplit(url).path.strip("/") not in {"", "_bulk"} else None)

    def url(self, url: str) -> str:
        """Return *url* with `/_bulk` at the end of its path, and the query that keeps the answer short."""
        parts = urlsplit(url)
        path = parts.path.rstrip("/")
        path = path if path.endswith("/_bulk") else f"{path}/_bulk"
        query = (
            parts.query if "filter_path=" in parts.query else "&".join(filter(None, (parts.query, _FILTER)))
        )
        return urlunsplit(parts._replace(path=path, query=query))

    def authorization(self, token: str) -> Mapping[str, str]:
        """Send the *token*, base64 of `id:key` as Elasticsearch shows it, as an API key."""
        return {"authorization": f"ApiKey {token}"}

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return an action and a document for each line."""
        return b"".join(self._action(record) + _document(record) for record in map(parse, split(lines)))

    def read(self, answer: Answer, records: int) -> Verdict:
        """Judge each item of a 200 by its own status: those of a busy shard go again, malformed ones never.

        An answer that tells of errors but not of each record, as when it was cut, makes the batch smaller; of a single
        record they are its own. Of one that tells nothing, a login page say, nothing is known. Repeating is harmless.
        """
        if answer.status is None or not 200 <= answer.status < 300:
            return read_status(answer)
        said = json_of(answer.body)
        told = _ERRORS.match(answer.body)
        hides_all = (
            answer.body.strip() == b"{}"
        )  # what a `filter_path` of the user's leaves, of errors only say
        if hides_all or said.get("errors") is False or (told is not None and told[1] == b"false"):
            return Verdict(Action.DECIDED)
        items = said.get("items")
        if said.get("errors") is not True or not isinstance(items, list) or len(items) < records:
            if told is not None and records > 1:
                action = Action.SPLIT
            else:  # of a single record that is its own error, unless the answer was cut
                action = Action.BISECT if said.get("errors") is True else Action.RETRY
            return Verdict(action, excerpt=excerpt_of(answer.body))
        results = [_result(item) for item in items[:records]]
        if results and all(status in _NOT_ALLOWED for status, _ in results):
            return Verdict(Action.PARK, excerpt=results[0][1])
        again = tuple(n for n, (status, _) in enumerate(results) if status == _TOO_MANY or status >= 500)
        rejected = tuple(
            Rejection(n, status, excerpt)
            for n, (status, excerpt) in enumerate(results)
            if 300 <= status < 500 and status not in {_TOO_MANY, _ALREADY_STORED}
        )
        return Verdict(Action.DECIDED, rejected, again)

    def _action(self, record: Mapping[str, object]) -> bytes:
        action: dict[str, str] = {}
        index = _data_stream(record) if self._index is None else self._index
        if index:
            action["_index"] = index
        record_id = record.get("record_id")
        if isinstance(record_id, str) and 0 < len(record_id.encode()) <= _ID_BYTES:
            action["_id"] = record_id
        return orjson.dumps({"create": action}, option=orjson.OPT_APPEND_NEWLINE)


def _document(record: dict[str, object]) -> bytes:
    error = record.get("error")
    if isinstance(error, dict) and "stack" in error:
        record["error"] = {"stack_trace" if key == "stack" else key: value for key, value in error.items()}
    if "level" in record:
        record["level"] = text_of(record["level"]).lower()
    return orjson.dumps(renamed(record, _NAMES, _TAKEN), option=orjson.OPT_APPEND_NEWLINE)


def _data_stream(record: Mapping[str, object]) -> str:
    """Return `logs-<dataset>-<namespace>`.

    Source: https://www.elastic.co/docs/reference/ecs/ecs-data_stream
    """
    dataset, namespace = (
        _NO_DATASET.sub("_", text_of(record.get(key, "")).lower())[:80] for key in ("service", "env")
    )
    return f"logs-{dataset or 'generic'}-{namespace or 'default'}"


def _result(item: object) -> tuple[int, str]:
    """Return an item's status and what was said of it; one that cannot be read counts as stored."""
    outcome = next(iter(item.values()), None) if isinstance(item, dict) else None
    if not isinstance(outcome, dict):
        return 200, ""
    error = outcome.get("error")
    status = outcome.get("status")
    if type(status) is not int:
        status = _NOT_SAID if error else 200
    if isinstance(error, dict):
        error = f"{error.get('type')}: {error.get('reason')}"
    return status, excerpt_of(str(error or ""))
