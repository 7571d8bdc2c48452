"""A background loop: one named daemon thread that calls a step, waits as long as the step says, and can be woken."""

import threading
from collections.abc import Callable
from contextlib import nullcontext

from queue_telemetry._runtime.bell import Bell
from queue_telemetry._runtime.guard import guarded
from queue_telemetry._runtime.log import say

__all__ = ["BackgroundLoop"]

_AFTER_FAULT_S = 1.0


class BackgroundLoop:
    """Calls `step()` on a thread of its own until stopped.

    Not fork-aware itself: its owner makes a new one in a child, where the old thread does not exist.

    Args:
        name: The thread's name.
        step: Does one round and returns the seconds to wait before the next. What it raises is said, and the loop
            goes on.
        calls_user: The step calls the user's code, whose records are shipped as those of any other thread.
    """

    def __init__(self, name: str, step: Callable[[], float], *, calls_user: bool = False) -> None:
        self._name = name
        self._guard = nullcontext if calls_user else guarded
        self._step = step
        self._bell = Bell()
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> bool:
        """Start the thread; False when the process can have no more of them.

        An exception that a signal handler raises in here may leave a thread that runs: it is known, or ends by itself.
        """
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # the process's limit, or the interpreter is on its way out
            return False
        return True

    def wake(self) -> None:
        """End the present wait, or skip the next one. From anywhere, a signal handler too; must not block or raise."""
        self._bell.ring()

    def stop(self, timeout_s: float) -> bool:
        """Ask the thread to end after its present step and wait for it; True when it ended in time."""
        self._stopping = True
        self.wake()
        thread = self._thread
        if thread is None or thread is threading.current_thread() or not thread.is_alive():
            return True
        thread.join(max(timeout_s, 0.0))
        return not thread.is_alive()

    def _run(self) -> None:
        with self._guard():
            while not self._stopping and self._thread is threading.current_thread():
                try:
                    delay_s = self._step()
                except Exception as error:  # noqa: BLE001 - a thread's top
                    say(self._name, "%s: a step failed with %s", self._name, type(error).__name__)
                    delay_s = _AFTER_FAULT_S
                self._bell.wait(delay_s)
