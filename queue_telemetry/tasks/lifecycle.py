"""Lifecycle records: what happens to a task, written through loguru as if its handler had."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from loguru import logger

from queue_telemetry._runtime import Clock, say, unguarded
from queue_telemetry.metrics import ErrorNews, News
from queue_telemetry.tasks.definition import Site
from queue_telemetry.tasks.flood import FloodLimit
from queue_telemetry.tasks.outcomes import Outcome, Reason, Verdict, error_type
from queue_telemetry.tasks.workers import Workers

if TYPE_CHECKING:
    from loguru import Record

    from queue_telemetry.tasks.claim import Taken
    from queue_telemetry.tasks.run import Run

__all__ = ["EVENTS_BY_SETTING", "Lifecycle", "lifecycle_fields"]

_FAILURES: Final = frozenset(
    {"task_failed", "enqueue_failed", "claim_failed", *(news.value for news in News)}
)
_OUTCOMES: Final = _FAILURES | {
    "task_completed",
    "task_retried",
    "task_cancelled",
    "task_skipped",
    "task_interrupted",
}
EVENTS_BY_SETTING: Final[Mapping[str, frozenset[str]]] = {
    "all": _OUTCOMES | {"task_enqueued", "task_claimed"},
    "outcomes": _OUTCOMES,
    "failures": _FAILURES,
    "none": frozenset(),
}
"""The events that each value of the setting `TASK_LOGS` writes."""

_LEVELS: Final[Mapping[Outcome, str]] = {
    Outcome.COMPLETED: "INFO",
    Outcome.FAILED: "ERROR",
    Outcome.RETRIED: "WARNING",
    Outcome.CANCELLED: "INFO",
    Outcome.SKIPPED: "INFO",
    Outcome.INTERRUPTED: "WARNING",
}

_ALERT_SITE: Final = Site("queue_telemetry", "alert", 0)

_NO_SITE: Final = Site("queue_telemetry", "", 0)  # the handler's is not kept with its errors

_writing: ContextVar[tuple[Workers, Mapping[str, object]] | None] = ContextVar(
    "queue_telemetry_lifecycle", default=None
)


def lifecycle_fields() -> tuple[Workers, Mapping[str, object]] | None:
    """Return whose lifecycle record this code writes now and its fields, None for any other record."""
    return _writing.get()


class Lifecycle:
    """Writes the lifecycle records that were asked for.

    Attributes:
        events: The events to write; empty writes none.
        flood: Which records of an error are written.
    """

    def __init__(self, workers: Workers, clock: Clock) -> None:
        self.events: frozenset[str] = frozenset()
        self.flood = FloodLimit(clock)
        self._workers = workers

    def enqueued(self, task: Mapping[str, object], site: Site) -> None:
        """A task was handed to the broker."""
        if "task_enqueued" in self.events:
            self._write("INFO", "{task_type} enqueued", {"event": "task_enqueued", **task}, site)

    def enqueue_failed(self, task: Mapping[str, object], site: Site, error: BaseException) -> None:
        """The broker did not take a task."""
        if "enqueue_failed" in self.events:
            fields = {"event": "enqueue_failed", **task}
            self._write("ERROR", "{task_type} could not be enqueued", fields, site, error)

    def claimed(self, task: "Run | Taken", site: Site) -> None:
        """A task was taken from the broker."""
        if "task_claimed" in self.events:
            fields = {"event": "task_claimed", **task.fields()}
            self._write("INFO", "{task_type} claimed", fields, site)

    def claim_failed(self, queue: str, site: Site, error: BaseException) -> None:
        """A fetch from the broker failed."""
        if "claim_failed" in self.events:
            self._write(
                "ERROR", "claim from {queue} failed", {"event": "claim_failed", "queue": queue}, site, error
            )

    def ended(
        self,
        run: "Run",
        verdict: Verdict,
        error: BaseException | None,
        duration_s: float,
        *,
        site: Site,
        fingerprint: str | None,
    ) -> None:
        """A run ended; *fingerprint* is that of an error whose records may become too many, or None."""
        event = f"task_{verdict.outcome}"
        if event not in self.events:
            return
        suppressed = 0 if fingerprint is None else self.flood.admit(fingerprint)
        if suppressed is None:
            return
        fields = {"event": event, **run.fields(), "duration_ms": round(duration_s * 1e3, 3)}
        if run.wait_s is not None:
            fields["wait_ms"] = round(run.wait_s * 1e3, 3)
        level = _LEVELS[verdict.outcome]
        if verdict.reason is not None:
            fields["reason"] = verdict.reason.value
            if verdict.reason is Reason.EXPECTED:
                level = "INFO"
        if suppressed:
            fields["suppressed"] = suppressed
        message = "{task_type} " + verdict.outcome + " in {duration_ms:.0f} ms"
        self._write(level, message, fields, site, error)

    def alert(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        """An alert fired or was resolved. Written whatever events were asked for."""
        self._write(level, message, fields, _ALERT_SITE)

    def goes_on(self, run: "Run", running_s: float, worker_id: str | None, *, is_stuck: bool) -> None:
        """A run takes long and is not over; asked for by a limit of its own, whatever the events are."""
        event, level, what = (
            ("stuck_task", "ERROR", "is stuck") if is_stuck else ("slow_task", "WARNING", "is slow")
        )
        fields = {"event": event, **run.fields(), "running_ms": round(running_s * 1e3, 3)}
        if worker_id is not None:
            fields["worker_id"] = worker_id
        with unguarded():
            self._write(level, "{task_type} " + what + ", after {running_ms:.0f} ms", fields, run.site)

    def error_news(self, news: ErrorNews) -> None:
        """An error came for the first time, or came back."""
        if news.news not in self.events:
            return
        error = news.error
        fields: dict[str, object] = {
            "event": news.news.value,
            "task_type": error.task_type,
            "error_type": error.type,
            "fingerprint": error.fingerprint,
            "sample": error.message,
        }
        message = "{task_type} failed in a way it never did: {error_type}: {sample}"
        if news.silent_s is not None:
            fields["silent_s"] = round(news.silent_s)
            message = "{task_type} fails again after {silent_s} s: {error_type}: {sample}"
        with unguarded():
            self._write("WARNING", message, fields, _NO_SITE)

    def _write(
        self,
        level: str,
        message: str,
        fields: Mapping[str, object],
        site: Site,
        error: BaseException | None = None,
    ) -> None:
        """Write one record. The fields stand in its `extra` for the user's own sinks too."""

        def move(record: "Record") -> None:
            record["name"] = site.logger
            record["module"] = site.logger.rpartition(".")[2]
            record["function"] = site.function
            record["line"] = site.line

        fields = {"worker_id": self._workers.worker_id(), **fields}
        token = _writing.set((self._workers, fields))
        try:
            logger.patch(move).opt(exception=error).log(level, message, **fields)
        except Exception as fault:  # noqa: BLE001 - the user's own sinks and patchers run here
            say("lifecycle", "a lifecycle record could not be written: %s", error_type(fault))
        finally:
            _writing.reset(token)
