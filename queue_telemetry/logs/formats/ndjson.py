"""Newline-delimited JSON, which Vector, Better Stack, Axiom and most collectors take. Pure."""

from typing import Final

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._retry import Verdict, judge

__all__ = ["NdjsonFormat"]


class NdjsonFormat:
    """Sends the lines as they are; any 2xx means that all of them are in.

    Source: https://github.com/ndjson/ndjson-spec
    """

    content_type: Final = "application/x-ndjson"

    def body(self, lines: bytearray) -> bytearray:
        """Return the very same lines."""
        return lines

    def judge(self, answer: Answer) -> Verdict:
        """Judge by the status alone; no answer means to try again."""
        return Verdict.RETRY if answer.status is None else judge(answer.status)
