"""How fast datagrams may follow one another, by their bytes. Pure: no clock, no socket."""

__all__ = ["Pace"]


class Pace:
    """Lets a burst through at once and then so many bytes a second: in any t seconds at most burst + rate x t.

    A datagram that is larger than the burst goes once nothing is left to wait for. Not thread-safe.

    Args:
        bytes_per_s: The rate.
        burst_bytes: What may go at once after a while without anything.
    """

    def __init__(self, bytes_per_s: float, burst_bytes: int) -> None:
        self._bytes_per_s = bytes_per_s
        self._burst_bytes = burst_bytes
        self._ahead_bytes = 0.0  # at the last sending: what went before the rate alone would have let it
        self._sent_at_s = float("-inf")
        self._hurry = 1.0  # times the rate

    @property
    def burst_s(self) -> float:
        """How long a burst takes at the present rate, in seconds: who waits longer than that goes slower."""
        return self._at_rate_s(self._burst_bytes)

    def hurry_to_send(self, size_bytes: float, in_s: float) -> None:
        """Go as fast as it takes to send so many bytes in *in_s* seconds, if the rate is too slow for that."""
        self._hurry = max(size_bytes / self._bytes_per_s / in_s, 1.0) if in_s > 0 else 1.0

    def wait_s(self, size_bytes: int, now_s: float) -> float:
        """Return the seconds until so many bytes may go; 0 when they may go now."""
        ahead_bytes = self._ahead_bytes_at(now_s) - max(self._burst_bytes - size_bytes, 0)
        return max(self._at_rate_s(ahead_bytes), 0.0)

    def spend(self, size_bytes: int, now_s: float) -> None:
        """Note that so many bytes go now."""
        self._ahead_bytes, self._sent_at_s = self._ahead_bytes_at(now_s) + size_bytes, now_s

    def _ahead_bytes_at(self, now_s: float) -> float:
        gone_bytes = (now_s - self._sent_at_s) * self._bytes_per_s * self._hurry
        return max(self._ahead_bytes - gone_bytes, 0.0)

    def _at_rate_s(self, size_bytes: float) -> float:
        return size_bytes / (self._bytes_per_s * self._hurry)
