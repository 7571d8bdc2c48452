"""The names of settings: the prefix, the names that container platforms make up, and the nearest right name."""

import difflib
import re
from collections.abc import Collection
from typing import Final

__all__ = ["PREFIX", "is_link", "unknown_keyword", "unknown_variable"]

PREFIX: Final = "QUEUE_TELEMETRY_"

_LINK_NAME: Final = re.compile(r".+_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_.+)")
_LINK_VALUE: Final = re.compile(r"(tcp|udp|sctp)://")
_NEAR: Final = 0.6  # of 1; below it a suggestion reads like a guess


def is_link(name: str, value: str) -> bool:
    """Tell whether Kubernetes or Docker made this variable up for a service that happens to have our name.

    Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    return bool(_LINK_NAME.fullmatch(name)) or (name.endswith("_PORT") and bool(_LINK_VALUE.match(value)))


def unknown_variable(name: str, where: str, fields: Collection[str]) -> str:
    """Say that no setting has this variable; the value is not said, since the name may be a token's, misspelled."""
    nearest = _nearest(name[len(PREFIX) :].lower(), fields)
    suggestion = f": did you mean {PREFIX}{nearest.upper()}?" if nearest else ""
    return f"{ascii(name)[1:-1]}{where} is not a setting{suggestion}"


def unknown_keyword(name: str, fields: Collection[str]) -> str:
    """Say that no setting has this keyword."""
    nearest = _nearest(name.lower(), fields)
    return f"{ascii(name)[1:-1]} is not a setting" + (f": did you mean {nearest}?" if nearest else "")


def _nearest(name: str, fields: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(name, sorted(fields), n=1, cutoff=_NEAR)), "")
