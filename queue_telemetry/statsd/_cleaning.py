"""Names, tag keys and tag values made safe, so that no text can forge a line. Pure: no clock, no socket, no state."""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping

from queue_telemetry.statsd._dialect import MAX_NAME_CHARS, Dialect

__all__ = [
    "clean_key",
    "clean_name",
    "clean_set_value",
    "clean_value",
    "exact_text",
    "is_readable",
    "marked",
    "marked_value",
    "max_value_chars",
    "tag_suffix",
    "text_mark",
]

_MAX_TAG_CHARS = 200  # key, colon and value; Datadog cuts a tag there
_MAX_KEY_CHARS = 100
_EMPTY_NODES = re.compile(r"\.{2,}")
_UNSAFE_IN_SET_VALUES = re.compile(r"[^ -~]|[:|@#,;=]")
_AGENTS_OWN = "dd.internal."


def clean_name(text: str, dialect: Dialect) -> str:
    """Make a dotted metric name safe: other characters become `_`, empty nodes go, the start is what servers take.

    Returns:
        At most 200 characters; empty when nothing is left.
    """
    text = dialect.unsafe_in_names.sub("_", text)
    text = dialect.name_start.sub("", text)
    return _EMPTY_NODES.sub(".", text)[:MAX_NAME_CHARS].rstrip(".")


def exact_text(value: object) -> str:
    """Return what *value* writes of itself, as a `str` and no subclass. Raises what its own methods raise."""
    return str.__str__(str(value))


def is_readable(text: str, clean: str, replaced: str) -> bool:
    """Tell whether cleaning left *text* as it is, but for the one character that the dialect has `_` for."""
    return clean == text or clean == text.replace(replaced, "_")


def text_mark(text: str) -> str:
    """Return what tells a text from others that are alike once cleaned; every process makes the same of it."""
    return f"_{zlib.crc32(text.encode('utf-8', 'backslashreplace')):08x}"


def marked(text: str, clean: str, replaced: str, max_chars: int) -> str:
    """Return what became of *text*, with a mark behind it unless it is readable still; at most *max_chars* long."""
    if is_readable(text, clean, replaced):
        return clean
    mark = text_mark(text)
    return clean[: max_chars - len(mark)].rstrip(".") + mark


def clean_value(text: str, dialect: Dialect, *, max_chars: int = _MAX_TAG_CHARS) -> str:
    """Make a tag value safe: other characters become `_`, and so does a colon at the end. Empty stays empty."""
    text = dialect.unsafe_in_values.sub("_", text[:max_chars])
    return f"{text[:-1]}_" if text.endswith(":") else text


def marked_value(text: str, dialect: Dialect, *, max_chars: int = _MAX_TAG_CHARS) -> str:
    """Make a tag value safe, and tell it from others that are alike then."""
    clean = clean_value(text, dialect, max_chars=max_chars)
    return marked(text, clean, dialect.replaced_in_values, max_chars)


def max_value_chars(key: str) -> int:
    """Return how long the value behind a tag's key may be."""
    return max(_MAX_TAG_CHARS - len(key) - 1, 1)


def clean_set_value(text: str) -> str:
    """Make a member of a set safe: what ends a value, a line or a tag, and what is not ASCII, becomes `_`.

    A member that this changes gets a mark, so that members which differ are counted as such.
    """
    clean = _UNSAFE_IN_SET_VALUES.sub("_", text)
    return clean if clean == text else clean + text_mark(text)


def clean_key(text: str, dialect: Dialect) -> str:
    """Make a tag key safe: lower case, letter first. Keys that belong to the receiver get `extra_`.

    Source: https://docs.datadoghq.com/getting_started/tagging; https://graphite.readthedocs.io/en/latest/tags.html
    """
    text = dialect.unsafe_in_keys.sub("_", text[:_MAX_KEY_CHARS].lower())
    reserved = dialect.tags.reserved_keys if dialect.tags else ()
    if not text[:1].isalpha() or text in reserved or text.startswith(_AGENTS_OWN):
        return f"extra_{text}"
    return text


def tag_suffix(
    own: Iterable[tuple[str, str]],
    static: Iterable[tuple[str, str]],
    constant: Mapping[str, str],
    dialect: Dialect,
    *,
    owner: Mapping[str, str] | None = None,
    write: Callable[..., str] = clean_value,
) -> str:
    """Write the tags of one line; each key once.

    Args:
        own: The metric's tags, raw. An empty value means absent: no tag.
        static: A task's own tags, raw; a key that is taken gets `extra_` in front.
        constant: Clean tags of the whole process; the more special one of two equal keys wins.
        dialect: What the receiver understands.
        owner: Clean tags of a gauge that one process owns, such as its slot.
        write: Makes raw values safe, as `clean_value` does.

    Returns:
        The tags with their marker, such as `"|#env:prod,queue:mail"` or `";env=prod;queue=mail"`; empty without tags,
        and in a dialect without them.
    """
    form = dialect.tags
    if form is None:
        return ""
    taken = owner or {}
    tags: dict[str, str] = {}
    for raw_key, raw_value in (*own, *static):
        if raw_value:
            key = clean_key(raw_key, dialect)
            while key in tags or key in taken:
                key = f"extra_{key}"
            tags[key] = write(raw_value, dialect, max_chars=max_value_chars(key))
    rest = {key: value for key, value in constant.items() if key not in tags and key not in taken}
    pairs = list({**rest, **tags, **taken}.items())
    if form.is_sorted:
        pairs.sort()
    written = form.joint.join([f"{key}{form.assignment}{value}" for key, value in pairs])
    return form.opening + written if written else ""
