"""The one at-fork hook: a forked child gets new locks and sockets, and starts empty.

Nothing is locked before a fork. Objects are held weakly, so that a short-lived one costs later forks nothing.
"""

import os
import weakref
from typing import Protocol

__all__ = ["ForkAware", "register_fork_aware"]


class ForkAware(Protocol):
    """What holds a lock, a socket, a thread or data that belongs to one process."""

    def reset_after_fork(self) -> None:
        """Become empty and unlocked, in a child. Must not block, log or raise."""


_members: weakref.WeakSet[ForkAware] = weakref.WeakSet()
_hooked = False


def register_fork_aware(member: ForkAware) -> None:
    """Have `member.reset_after_fork()` called in every child of this process."""
    global _hooked  # noqa: PLW0603 - the interpreter has no way to take a fork hook back, so there is one for good
    _members.add(member)
    if not _hooked:
        _hooked = True
        os.register_at_fork(after_in_child=_reset_members)


def _reset_members() -> None:
    for member in list(_members):
        member.reset_after_fork()
