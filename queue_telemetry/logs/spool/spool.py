"""A process's spool: one directory of segments, and those taken over from dead processes."""

from pathlib import Path

from queue_telemetry._runtime import Clock
from queue_telemetry.logs.spool.place import Place

__all__ = ["Spool"]


class Spool:
    """Keeps frames of lines on disk until they are acknowledged. It decides nothing and counts no record as lost.

    Any thread may call any method. Nothing is made on disk before the first write.

    Args:
        folder: LOG_SPOOL_DIR.
        destination: A short name for the collector and the format, as a directory's name.
        max_bytes: Limit of what this process holds on disk, what it took over included.
        max_age_s: After how many seconds a place is expired.
        clock: For times of birth and for pauses.
        owner: Who may have several spools at once on one folder and destination, such as a successor while the one
            before still closes; None for nobody.

    Raises:
        ConfigurationError: The folder can never be used, or another owner in this process has a spool on it.
    """

    def __init__(
        self,
        folder: Path,
        destination: str,
        *,
        max_bytes: int,
        max_age_s: float,
        clock: Clock,
        owner: object | None = None,
    ) -> None:
        raise NotImplementedError

    def write(self, lines: bytes | bytearray, records: int) -> Place | None:
        """Write one frame and return its place; None when the disk does not take it. Never raises, syncs nothing."""
        raise NotImplementedError

    def room_for(self, size: int) -> bool:
        """Tell whether so many bytes of lines stay below `max_bytes`; bytes of a segment are freed all at once."""
        raise NotImplementedError

    def is_expired(self, place: Place) -> bool:
        """Tell whether the place is older than `max_age_s`."""
        raise NotImplementedError

    def read(self, place: Place) -> tuple[bytearray, int] | None:
        """Return the lines of a place, and how many of its records are lost to damage.

        None when it cannot be read at present, such as without a free descriptor: try again later.
        """
        raise NotImplementedError

    def acknowledge(self, place: Place) -> None:
        """Let go of a place, in any order. Never raises."""
        raise NotImplementedError

    def adopt(self, *, batch_bytes: int = 1024 * 1024, max_records: int = 1000) -> list[Place] | None:
        """Take over one segment of a dead process, oldest first; None when there is none. Call it again until then.

        Not under a lock: it reads a segment, and says what went wrong on the disk meanwhile.

        Args:
            batch_bytes: Adjacent frames are joined into places of so many bytes of lines at most.
            max_records: And of so many records at most. A single larger frame is a place of its own.

        Returns:
            Places in the order of their writing; empty when the segment held nothing whole.
        """
        raise NotImplementedError

    def speak(self) -> None:
        """Say what the disk refused since the last time. Not under a lock: `write` may be, so it only counts."""
        raise NotImplementedError

    @property
    def damaged(self) -> tuple[int, int]:
        """Frames that adoption skipped since they were torn or changed, and the records in them as far as known."""
        raise NotImplementedError

    def stats(self) -> dict[str, object]:
        """Return what is on disk and what went wrong with it."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave what is not acknowledged to the next process, remove an empty directory. Idempotent, never raises."""
        raise NotImplementedError

    def forget(self) -> None:
        """In a forked child: close the inherited descriptors, and leave all to the parent. Never raises or blocks."""
        raise NotImplementedError
