"""Check a format of the user's own: what it is when it is configured, and what it returns before that is believed."""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Verdict
from queue_telemetry.logs.formats._format import Format

__all__ = ["CheckedFormat"]

_T = TypeVar("_T")

_VISIBLE: Final = re.compile(r"[!-~]+")
_COUNT: Final = "a whole number above 0"
_TEXTS: Final = "names to values, as text"


class CheckedFormat:
    """Another format, that raises where that one is or returns something of the wrong type.

    Args:
        own: The user's; its members are read once.

    Raises:
        ConfigurationError: One of them is not what it should be.
    """

    def __init__(self, own: Format) -> None:
        self._own = own
        self.name = self._right("name", lambda: own.name, _is_name, "a text that is not empty")
        self.headers: Mapping[str, str] = self._right(
            "headers", lambda: own.headers, _is_texts, _TEXTS, shows=False
        )
        self.max_records = self._right("max_records", lambda: own.max_records, _is_count, _COUNT)
        self.max_batch_bytes = self._right("max_batch_bytes", lambda: own.max_batch_bytes, _is_count, _COUNT)
        self.max_record_bytes = self._right(
            "max_record_bytes", lambda: own.max_record_bytes, _is_count, _COUNT
        )
        self.max_answer_bytes = self._right(
            "max_answer_bytes", lambda: own.max_answer_bytes, _is_count, _COUNT
        )
        self.max_age_s = self._right("max_age_s", lambda: own.max_age_s, _is_time, "seconds above 0")

    def url(self, url: str) -> str:
        """Return what the user's does.

        Raises:
            ConfigurationError: It is no http or https URL, which is not shown, since it may hold a key.
        """
        return self._right("url", lambda: self._own.url(url), _is_url, "an http or https URL", shows=False)

    def authorization(self, token: str) -> Mapping[str, str]:
        """Return what the user's does.

        Raises:
            ConfigurationError: It is no mapping of names to values, which are not shown.
        """
        return self._right(
            "authorization", lambda: self._own.authorization(token), _is_texts, _TEXTS, shows=False
        )

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

    def _right(
        self,
        member: str,
        ask: Callable[[], _T],
        is_right: Callable[[object], bool],
        right: str,
        *,
        shows: bool = True,
    ) -> _T:
        where = f"LOG_FORMAT: {type(self._own).__name__}.{member}"
        try:
            value = ask()
        except Exception as error:
            raise ConfigurationError(f"{where} raises {type(error).__name__}: should be {right}") from error
        if not is_right(value):
            shown = f" is {value!a:.80}" if shows else f" gives {type(value).__name__}"
            raise ConfigurationError(f"{where}{shown}: should be {right}")
        return value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_texts(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    return all(isinstance(text, str) for pair in value.items() for text in pair)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_url(value: object) -> bool:
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
