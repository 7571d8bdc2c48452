"""SIGTERM as the start of a drain: a handler in front of the one that was there."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

from queue_telemetry._runtime import say

__all__ = ["SigtermDrain"]

_SIGNAL: Final = signal.SIGTERM
_Handler = Callable[[int, FrameType | None], object] | int | None


class SigtermDrain:
    """Has `drain` called when SIGTERM comes, and then whatever was to happen without it.

    Only the main thread may change handlers: elsewhere nothing is installed, which is said. A handler that the
    application sets later replaces this one unless it calls the one before; that is noticed and said.

    Args:
        drain: What to do; called inside a signal handler.
    """

    def __init__(self, drain: Callable[[], None]) -> None:
        self._drain = drain
        self._link: _Link | None = None

    def install(self) -> None:
        """Put the handler in front. Idempotent. Must not raise."""
        link = self._link
        if link is not None and signal.getsignal(_SIGNAL) == link.handle:
            link.drain = self._drain
            return
        if threading.current_thread() is not threading.main_thread():
            say(
                "sigterm",
                "SIGTERM does not drain: call configure() in the main thread, which alone sets handlers",
            )
            return
        before = signal.getsignal(_SIGNAL)
        if before is None:
            say("sigterm", "SIGTERM does not drain: its handler is not Python's; call drain() yourself")
            return
        if link is not None:
            link.drain = None  # it may stand somewhere below
        self._link = link = _Link(self._drain, before)
        signal.signal(_SIGNAL, link.handle)

    def restore(self) -> None:
        """Put back what was there, or where that cannot be, do no more than pass the signal on. Must not raise."""
        link, self._link = self._link, None
        if link is None:
            return
        link.drain = None
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(_SIGNAL) == link.handle:
            signal.signal(_SIGNAL, link.before)

    def check(self) -> None:
        """Say it when another handler was put in this one's place. Any thread."""
        link = self._link
        if link is None or link.replaced or signal.getsignal(_SIGNAL) == link.handle:
            return
        link.replaced = True
        say(
            "sigterm",
            "another handler of SIGTERM was set since; unless it calls the one before it, let it call drain()",
        )


class _Link:
    """One handler in the chain. What is below it never changes, so that the chain has no circle.

    Attributes:
        drain: What to do first; None to pass the signal on alone.
        before: The handler that it stands in front of.
        replaced: It was noticed that another one stands where it stood.
    """

    def __init__(self, drain: Callable[[], None], before: _Handler) -> None:
        self.drain: Callable[[], None] | None = drain
        self.before = before
        self.replaced = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Drain, and do what would have been done without this."""
        if self.drain is not None:
            self.drain()
        if callable(self.before):
            self.before(number, frame)
        elif self.before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
