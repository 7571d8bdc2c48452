"""What a collector's answer means for the batch that it answers: values and the common table. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from queue_telemetry.logs._answer import Answer, Failure

__all__ = ["Action", "Rejection", "Verdict", "excerpt_of", "judge", "read_status"]

_TRANSIENT: Final = frozenset({408, 425, 429})
_MISCONFIGURED: Final = frozenset({401, 402, 403, 404, 405, 407, 415, 501, 505})
_UNREACHABLE_BY_SETTING: Final = frozenset({Failure.TLS, Failure.PROXY})
_EXCERPT_CHARS: Final = 500  # a reason, not a page


class Action(StrEnum):
    """What becomes of a batch."""

    DECIDED = "decided"
    """The collector decided on each record: stored, or named in the verdict."""
    RETRY = "retry"
    """It cannot take the batch now."""
    PARK = "park"
    """A key, an address or a setting is wrong. Kept and probed, since keys rotate."""
    SPLIT = "split"
    """The batch is too large."""
    BISECT = "bisect"
    """It will not take the batch as it is: some record is bad, and nobody said which."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that the collector will never take.

    Attributes:
        index: Its place in the batch, from 0.
        status: The HTTP status, of its own where the collector gives each record one.
        excerpt: What the collector said. May quote the record: for the dead-letter file, never for a log line.
    """

    index: int
    status: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a batch and of single records in it.

    Only of a decided batch are single records named, each of them at most once; all others of it are stored.

    Attributes:
        action: What becomes of the batch.
        rejected: Records that will never be taken, by place.
        again: Places, ascending, of records to send again.
        unnamed: How many more were refused without a word on which; they are not repeated.
        excerpt: What the collector said. May quote a record: never for a log line.
    """

    action: Action
    rejected: tuple[Rejection, ...] = ()
    again: tuple[int, ...] = ()
    unnamed: int = 0
    excerpt: str = ""


def judge(status: int) -> Action:
    """Return what an HTTP *status* means for the batch, where the collector has no rules of its own.

    An unknown refusal is searched for the record at fault, which finds out whether there is one.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-status-codes
    """
    if 200 <= status < 300:
        return Action.DECIDED
    if status in _MISCONFIGURED or 300 <= status < 400:
        return Action.PARK
    if status in _TRANSIENT or status >= 500 or status < 200:
        return Action.RETRY
    return Action.SPLIT if status == 413 else Action.BISECT


def read_status(answer: Answer) -> Verdict:
    """Return the verdict by the status alone; without an answer the batch is kept.

    A certificate that is not trusted, and a proxy that passes nothing on, are settings; all else passes.
    """
    if answer.status is None:
        return Verdict(Action.PARK if answer.failure in _UNREACHABLE_BY_SETTING else Action.RETRY)
    action = judge(answer.status)
    return Verdict(action, excerpt="" if action is Action.DECIDED else excerpt_of(answer.body))


def excerpt_of(said: bytes | str) -> str:
    """Return the beginning of what a collector said, in one line."""
    text = said[: 4 * _EXCERPT_CHARS].decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text[:_EXCERPT_CHARS].split())
