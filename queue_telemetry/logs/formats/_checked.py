"""Check what a format of the user's own returns, since nothing else would before it is sent or believed."""

from collections.abc import Mapping

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Verdict
from queue_telemetry.logs.formats._format import Format

__all__ = ["CheckedFormat"]


class CheckedFormat:
    """Another format, that raises where that one returns something of the wrong type.

    Args:
        own: The user's.
    """

    def __init__(self, own: Format) -> None:
        self._own = own

    @property
    def name(self) -> str:
        """The user's."""
        return self._own.name

    @property
    def headers(self) -> Mapping[str, str]:
        """The user's."""
        return self._own.headers

    @property
    def max_records(self) -> int:
        """The user's."""
        return self._own.max_records

    @property
    def max_batch_bytes(self) -> int:
        """The user's."""
        return self._own.max_batch_bytes

    @property
    def max_record_bytes(self) -> int:
        """The user's."""
        return self._own.max_record_bytes

    @property
    def max_answer_bytes(self) -> int:
        """The user's."""
        return self._own.max_answer_bytes

    @property
    def max_age_s(self) -> float:
        """The user's."""
        return self._own.max_age_s

    def url(self, url: str) -> str:
        """Return what the user's does."""
        return self._own.url(url)

    def authorization(self, token: str) -> Mapping[str, str]:
        """Return what the user's does."""
        return self._own.authorization(token)

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the body that the user's makes.

        Raises:
            TypeError: It is none.
            Exception: What the user's raises.
        """
        body: object = self._own.body(lines)
        if not isinstance(body, (bytes, bytearray)):
            raise TypeError(f"{type(self._own).__name__}.body returned {type(body).__name__}, not bytes")
        return body

    def read(self, answer: Answer, records: int) -> Verdict:
        """Return the verdict of the user's.

        Raises:
            TypeError: It is none.
            Exception: What the user's raises.
        """
        verdict: object = self._own.read(answer, records)
        if not isinstance(verdict, Verdict):
            raise TypeError(f"{type(self._own).__name__}.read returned {type(verdict).__name__}, no Verdict")
        return verdict
