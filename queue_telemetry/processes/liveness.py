"""Whether a process lives, by the lock that ends with it. Loads next to nothing: a probe command has little time."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl

__all__ = ["holds"]

_LONGEST_TOKEN: Final = 64


def holds(folder: Path, number: int, token: str) -> bool:
    """Tell whether whoever signed with *token* holds a number now. Must not wait.

    A lock that cannot be looked at counts as held, so that nobody is taken for dead by mistake; so does, for a moment,
    one whose new holder has not signed yet.

    Args:
        folder: Where the locks are.
        number: The slot's.
        token: As in `Slot.sign`.
    """
    if sys.platform == "win32":
        return False
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(folder / f"{number}.lock", flags)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: several may look at once
    except BlockingIOError:
        signature = _signature(descriptor)
        return signature is None or signature == token
    except OSError:
        return True
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # and not just closed: a child forked meanwhile has it too
        return False
    finally:
        os.close(descriptor)


def _signature(descriptor: int) -> str | None:
    with suppress(OSError):
        return os.pread(descriptor, _LONGEST_TOKEN, 0).decode("utf-8", "replace")
    return None
