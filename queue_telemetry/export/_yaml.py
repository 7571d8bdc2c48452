"""Writes plain values as YAML, so that no library is needed to write some files. Pure: no clock, no socket, no state."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

__all__ = ["Value", "as_yaml"]

Value = Mapping[str, "Value"] | Sequence["Value"] | str | float | bool
"""What can be written: mappings, sequences, texts, numbers and truth values."""

_BARE: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_BLOCK: Final = re.compile(r"[!-~][ -~]*(?:\n[ -~]*)*\n[ -~]*[!-~]")
_ESCAPED: Final = re.compile(r"[^ !#-\[\]-~]")  # the quote, the backslash, and all that is not ASCII
_WORDS: Final = frozenset(
    {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
)  # YAML 1.1 reads no text


def as_yaml(value: Value) -> str:
    """Return a document in block style; texts of several lines are literal blocks.

    Source: https://yaml.org/spec/1.2.2/
    """
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Value) -> Iterator[str]:
    if isinstance(value, str | float | int) or not value:
        yield _scalar(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(f"{_text(key)}:", inner)
    else:
        for inner in value:
            yield from _item(inner)


def _entry(opening: str, value: Value) -> Iterator[str]:
    if isinstance(value, str) and _BLOCK.fullmatch(value):
        yield f"{opening} |-"
        yield from _indented(value.split("\n"))
    elif isinstance(value, str | float | int) or not value:
        yield f"{opening} {_scalar(value)}"
    elif isinstance(value, Sequence) and all(isinstance(inner, float | int) for inner in value):
        yield f"{opening} [{', '.join(map(_scalar, value))}]"
    else:
        yield opening
        yield from _indented(_lines(value))


def _item(value: Value) -> Iterator[str]:
    first, *others = _lines(value)
    yield f"- {first}"
    yield from _indented(others)


def _indented(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    return (f"  {line}" if line else line for line in lines)


def _scalar(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float | int):
        return f"{value:.15g}"
    return "{}" if isinstance(value, Mapping) else "[]"


def _text(text: str) -> str:
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + _ESCAPED.sub(_escaped, text) + '"'


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}" if found[0] in '"\\' else f"\\U{ord(found[0]):08x}"
