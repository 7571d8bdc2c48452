"""What the library needs to know of a collector: the protocol of all formats, the user's own among them."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Verdict

__all__ = ["Format"]


@runtime_checkable
class Format(Protocol):
    """How lines become a request to one kind of collector, and what its answer means.

    The setting `LOG_FORMAT` takes the names of the built-in ones; `configure(log_format=...)` takes any object with
    these members. They are called on the shipper's thread, one call at a time, and must be quick.

    Example:
        >>> class Gelf(JsonFormat):
        ...     name = "gelf"
        ...     max_batch_bytes = 1_000_000
        ...
        ...     def url(self, url: str) -> str:
        ...         return with_path(url, "/gelf")
    """

    @property
    def name(self) -> str:
        """A short name. With the URL it tells destinations apart: a spooled record only goes where it was meant to."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of each request, Content-Type among them. The user's own win over them."""

    @property
    def max_records(self) -> int:
        """Most records of one request."""

    @property
    def max_batch_bytes(self) -> int:
        """Most bytes of lines of one request, such that the body stays below what the collector takes."""

    @property
    def max_record_bytes(self) -> int:
        """Most bytes of one line."""

    @property
    def max_answer_bytes(self) -> int:
        """How much of an answer's body is read, decompressed."""

    @property
    def max_age_s(self) -> float:
        """Seconds after which the collector takes a record no more; infinite where it takes any."""

    def url(self, url: str) -> str:
        """Return the user's *url* with the collector's path where it has none."""

    def authorization(self, token: str) -> Mapping[str, str]:
        """Return the headers that carry the user's *token*."""

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the request's body for *lines*: one flat record as JSON each, with its newline.

        Must not change them, and must not raise for any line that the library writes.
        """

    def read(self, answer: Answer, records: int) -> Verdict:
        """Return what becomes of the batch of so many *records* that got *answer*.

        Must not raise, whatever the answer holds. A body that cannot be read, of an answer that says success, means
        that all are stored.
        """
