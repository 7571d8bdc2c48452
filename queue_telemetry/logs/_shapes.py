"""Hide what is a secret by its looks, without a key: a URL's user, private keys, tokens. Pure: no clock, no socket."""

import re
from typing import Final

from queue_telemetry.logs._sanitizer import REDACTED

__all__ = ["hide_shapes"]

_USER_INFO: Final = re.compile(
    r"""://(?:
        [^\s/?#"'<>]+@
        |[^\s/?#"'<>@:]{0,256}:(?!\d{1,5}[/?#])[^\s"'<>@]{1,256}@  # a password may hold what should be escaped; no port
    )""",
    re.VERBOSE,
)
"""Source: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"""

_PRIVATE_KEY: Final = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----).*?"
    r"(-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
"""Source: https://www.rfc-editor.org/rfc/rfc7468#section-10"""

_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{6,}+\.[\w-]{2,}+(?:\.[\w-]*+)?")
"""`{"` in base64 begins each. Source: https://www.rfc-editor.org/rfc/rfc7519#section-3.1"""

_BEARER: Final = re.compile(
    r"(?<![\w-])([Bb]earer[ \t]{1,4})(?=[\w.~+/=-]{0,255}\d|[\w.~+/=-]{24})[\w.~+/=-]{8,}+"
)
"""A digit or a length that no word has, for `bearer of bad news`.

Source: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
"""


def hide_shapes(text: str) -> str:
    """Return *text* without what is a secret wherever it stands; the same object when it holds none."""
    if "://" in text and "@" in text:
        text = _USER_INFO.sub(f"://{REDACTED}@", text)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(rf"\1{REDACTED}\2", text)
    if "eyJ" in text:
        text = _JWT.sub(REDACTED, text)
    if "earer" in text:
        text = _BEARER.sub(rf"\1{REDACTED}", text)
    return text
