"""The file of records that the collector will never take, each with the answer it got."""

from pathlib import Path

__all__ = ["DeadLetters"]


class DeadLetters:
    """Appends records to `<folder>/dead-letters.ndjson`, which all processes of one folder share.

    Args:
        folder: The spool's folder; made at the first letter.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, line: bytes | bytearray, *, status: int | None, excerpt: str, at_s: float) -> bool:
        """Append one record; True when it was written. Never raises. Not under a lock: it may speak.

        Args:
            line: The record as one JSON object, with or without a newline.
            status: What the collector answered; None when it was never asked.
            excerpt: The beginning of its answer.
            at_s: When, in seconds since the epoch.
        """
        raise NotImplementedError
