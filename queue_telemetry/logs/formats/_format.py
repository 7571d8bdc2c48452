"""What the shipper needs to know of a collector's format."""

from typing import Protocol

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._retry import Verdict

__all__ = ["Format"]


class Format(Protocol):
    """How lines become a request's body, and what the answer to it means.

    Attributes:
        content_type: The request's Content-Type, exactly.
    """

    @property
    def content_type(self) -> str:
        """The request's Content-Type, exactly."""

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the body for JSON *lines*, each with its newline. Must not change them."""

    def judge(self, answer: Answer) -> Verdict:
        """Return what becomes of the batch that got *answer*."""
