"""Hide what is a secret by its looks, without a key: a URL's user, private keys, tokens. Pure: no clock, no socket."""

import re
from typing import Final

from queue_telemetry.logs._sanitizer import REDACTED

__all__ = ["hide_shapes"]

_USER_INFO: Final = re.compile(
    r"""://(?:
        [^\s/?#"'<>]+@
        |[^\s/?#"'<>@:]{0,256}:(?!\d{1,5}[/?#])[^\s"'<>@]{1,256}@  # a password may hold what should be escaped; no port
            (?:[^\s/?#"'<>]*@)?  # as the first would go on, the second time
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

_BASIC: Final = re.compile(
    r"(?<![\w-])([Bb]asic[ \t]{1,4})(?=[a-zA-Z+/]{0,255}[\d=]|[\w+/]{24})[\w+/]{8,}+={0,2}"
)
"""A digit, padding or such a length, for `basic authentication`.

Source: https://www.rfc-editor.org/rfc/rfc7617#section-2
"""

_CURL_USER: Final = re.compile(
    r"""(?<![\w-])((?:-[uU]|--(?:proxy-)?user)["']?,?[ \t=]{0,4}["']?[^\s:"',]{0,256}:)[^\s"']+"""
)
"""Source: https://curl.se/docs/manpage.html#-u"""

_ISSUED: Final = re.compile(
    r"(?<![\w-])(?:gh[pousr]_\w{20,}+|xox[a-z]-[\w-]{10,}+|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9]))"
)
"""GitHub's, Slack's and Amazon's tokens, which begin so that they can be found.

Source: https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
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
    if "asic " in text:
        text = _BASIC.sub(rf"\1{REDACTED}", text)
    if "curl" in text:
        text = _CURL_USER.sub(rf"\1{REDACTED}", text)
    if "gh" in text or "xox" in text or "IA" in text:
        text = _ISSUED.sub(REDACTED, text)
    return text
