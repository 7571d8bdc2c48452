"""The demo's own count of what it did, kept apart from the library that it checks."""

import threading
from collections import Counter

__all__ = ["Tally"]


class Tally:
    """Counts what happened, by task type. The lock guards the counts.

    Args:
        tasks: How many tasks have to come to an end.
    """

    def __init__(self, tasks: int) -> None:
        self.tasks = tasks
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, event: str, type_: str = "") -> None:
        """Count one *event*, such as `claimed`, of one task type."""
        with self._lock:
            self._counts[event, type_] += 1

    def count(self, event: str, type_: str | None = None) -> int:
        """Return how often *event* happened; None for all types together."""
        with self._lock:
            return sum(
                count
                for (its_event, its_type), count in self._counts.items()
                if its_event == event and type_ in {None, its_type}
            )

    @property
    def ended(self) -> int:
        """How many tasks are over."""
        return self.count("completed") + self.count("failed")
