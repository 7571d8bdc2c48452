"""Which of two forms a client would rather have, by its Accept header. Pure: no clock, no socket, no state."""

import re
from typing import Final

__all__ = ["prefers"]

_QUALITY: Final = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
_MAX_RANGES: Final = 64  # a browser sends seven


def prefers(accept: str, special: str, usual: str) -> bool:
    """Tell whether *special* is to be answered in place of *usual*.

    Only when the client names it, with a quality that is not 0 and no lower than that of the usual form: `*/*` asks for
    nothing special.

    Args:
        accept: The header; empty when there was none. What cannot be read in it counts as not said.
        special: A media type without parameters, in lower case.
        usual: Another.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-accept
    """
    qualities: dict[str, float] = {}
    for item in accept.split(",")[:_MAX_RANGES]:
        media_range, *parameters = (part.strip() for part in item.split(";"))
        given = [found for found in map(_QUALITY.fullmatch, parameters) if found is not None]
        quality = float(given[0][1]) if given else 1.0
        media_range = media_range.lower()
        qualities[media_range] = max(quality, qualities.get(media_range, 0.0))
    wanted = qualities.get(special, 0.0)
    ranges = (usual, f"{usual.partition('/')[0]}/*", "*/*")
    otherwise = next((qualities[one] for one in ranges if one in qualities), 0.0)  # the most exact one counts
    return wanted > 0 and wanted >= otherwise
