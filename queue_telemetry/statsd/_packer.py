"""Lines into datagrams: as many as fit, counted in bytes, never split. Pure: no clock, no socket."""

from collections import deque
from typing import Final, NamedTuple

from queue_telemetry.statsd._self_metrics import Total

__all__ = ["Datagram", "Packer", "wire_bytes"]


class Datagram(NamedTuple):
    """One payload.

    Attributes:
        payload: Lines joined by newlines, none at the end.
        weight: Calls on instruments that the lines stand for.
        totals: What the lines say of the library itself.
    """

    payload: str
    weight: int
    totals: tuple[Total, ...] = ()


class Packer:
    """Fills datagrams in the order of arrival. Not thread-safe.

    Args:
        max_payload_bytes: The most that a datagram holds, in UTF-8 bytes.

    Attributes:
        max_payload_bytes: The same.
    """

    def __init__(self, max_payload_bytes: int) -> None:
        self.max_payload_bytes: Final = max_payload_bytes
        self._sealed: deque[Datagram] = deque()
        self._open: list[str] = []
        self._open_bytes = 0
        self._open_weight = 0
        self._open_totals: list[Total] = []

    def add(self, text: str, weight: int, total: Total | None = None) -> bool:
        """Take a line, or lines that must share a datagram; False when they are too long for any."""
        size_bytes = wire_bytes(text)
        if size_bytes > self.max_payload_bytes:
            return False
        if size_bytes > self._room_bytes():
            self._seal()
        self._append(text, size_bytes, weight)
        if total is not None:
            self._open_totals.append(total)
        return True

    def add_values(self, block: str, *, head: str, joint: str, tail: str, weight_each: int) -> int:
        """Take many values of one series, cut between values wherever a datagram is full.

        One search in C finds each cut, so that the cost is that of a datagram and not of a value.

        Args:
            block: ASCII numbers with *joint* between them.
            head: What comes before the first value of a datagram.
            joint: ASCII; what comes between two values: a colon in packed lines, else the end and start of a line.
            tail: What comes after the last value of a datagram.
            weight_each: Calls that one value stands for.

        Returns:
            The weight of the values whose line alone is too long.
        """
        fixed_bytes = wire_bytes(head) + wire_bytes(tail)
        lost = at = 0
        while at < len(block):
            room_bytes = self._room_bytes() - fixed_bytes
            if len(block) - at <= room_bytes:
                cut = len(block)
            else:
                cut = block.rfind(joint, at, at + room_bytes + len(joint)) if room_bytes > 0 else -1
            if cut < 0 and self._open:
                self._seal()
                continue
            if cut < 0:
                lost += weight_each
                cut = block.find(joint, at) % (len(block) + 1)  # -1, nothing more, is the end
            else:
                weight = weight_each * (block.count(joint, at, cut) + 1)
                self._append(head + block[at:cut] + tail, fixed_bytes + cut - at, weight)
            at = cut + len(joint)
        return lost

    def pop(self) -> Datagram | None:
        """Hand over the oldest datagram, the last of all as full as it is; None when nothing is left."""
        if not self._sealed:
            self._seal()
        return self._sealed.popleft() if self._sealed else None

    def _seal(self) -> None:
        """End the datagram that is being filled; the next line begins another."""
        if self._open:
            self._sealed.append(Datagram("\n".join(self._open), self._open_weight, tuple(self._open_totals)))
            self._open, self._open_totals = [], []
            self._open_bytes = self._open_weight = 0

    def _room_bytes(self) -> int:
        return self.max_payload_bytes - self._open_bytes - 1 if self._open else self.max_payload_bytes

    def _append(self, text: str, size_bytes: int, weight: int) -> None:
        self._open_bytes += size_bytes + 1 if self._open else size_bytes
        self._open.append(text)
        self._open_weight += weight


def wire_bytes(text: str) -> int:
    """Return the length of *text* in UTF-8 bytes."""
    return len(text) if text.isascii() else len(text.encode())
