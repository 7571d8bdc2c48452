"""Which spools this process has: two telemetries on one folder would each take the other's limits for its own."""

import os
import weakref
from pathlib import Path

from queue_telemetry.exceptions import ConfigurationError

__all__ = ["Claim", "claim"]


class Claim:
    """The right to a folder and destination, for as long as anybody holds on to it.

    Attributes:
        owner: Who may have it more than once at a time.
    """

    def __init__(self, owner: object | None) -> None:
        self.owner = owner


_claims: weakref.WeakValueDictionary[tuple[str, str], Claim] = weakref.WeakValueDictionary()


def claim(folder: Path, destination: str, owner: object | None) -> Claim:
    """Return the claim of *owner*, which is shared with the spools it has there already.

    Raises:
        ConfigurationError: Another one has it.
    """
    key = (os.path.realpath(folder), destination)
    present = _claims.get(key)
    if present is None:
        present = _claims[key] = Claim(owner)
    elif owner is None or present.owner is not owner:
        raise ConfigurationError(
            f"LOG_SPOOL_DIR is {str(folder)!r}, where another telemetry of this process with the same LOG_URL "
            "spools already; give each a folder of its own"
        )
    return present
