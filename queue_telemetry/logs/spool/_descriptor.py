"""A file descriptor that is closed only while it is still of the file it was opened for."""

import os
from contextlib import suppress

__all__ = ["Descriptor"]


class Descriptor:
    """Owns a descriptor. A daemon closes all it inherited, and the numbers come to mean other files.

    Attributes:
        number: For system calls; -1 after closing, which they refuse.
    """

    __slots__ = ("_file", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._file = _identity(number)

    @property
    def is_linked(self) -> bool:
        """Whether it is still of its file, and that has a name still."""
        try:
            found = os.fstat(self.number)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._file and found.st_nlink > 0

    @property
    def is_own(self) -> bool:
        """Whether it is still of its file."""
        return self.number >= 0 and _identity(self.number) == self._file

    def close(self) -> None:
        """Close it, unlocking nothing: a lock is its parent's too in a forked child. Idempotent, never raises."""
        if self.is_own:
            with suppress(OSError):
                os.close(self.number)
        self.number = -1


def _identity(number: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino
