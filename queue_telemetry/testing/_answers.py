"""The answers that a collector was told to give, in order; 200 when none is left."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Answer", "AnswerScript"]


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request is answered.

    Attributes:
        status: The HTTP status; None closes the connection without an answer.
        headers: Extra headers of the answer.
        delay_s: Seconds to wait before it.
    """

    status: int | None = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


class AnswerScript:
    """A queue of answers. The lock guards the queue alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: deque[Answer] = deque()

    def add(self, *answers: Answer) -> None:
        """Append answers for the next requests without one."""
        with self._lock:
            self._answers.extend(answers)

    def take(self) -> Answer:
        """Return the next answer: 200 at once when none was asked for."""
        with self._lock:
            return self._answers.popleft() if self._answers else Answer()
