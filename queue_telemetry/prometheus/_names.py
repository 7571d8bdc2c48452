"""Names and labels as Prometheus takes them, each text with one of its own. Pure: no clock, no socket, no state."""

import re
import zlib
from collections.abc import Iterable
from typing import Final

from queue_telemetry.metrics import Kind

__all__ = ["SUFFIXES", "clean_labels", "clean_text", "family_name", "is_exact", "mark"]

SUFFIXES: Final = {
    Kind.COUNTER: ("", "_total", "_created"),
    Kind.GAUGE: ("",),
    Kind.TIMER: ("", "_bucket", "_count", "_sum", "_created"),
}
"""What the names of a family's samples end in; a family's own name is taken with them.

Source: https://prometheus.io/docs/specs/om/open_metrics_spec/#suffixes
"""

_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_]")
_RESERVED_START: Final = re.compile(r"^__+")  # of labels that are Prometheus's own
_LE: Final = "le"


def family_name(name: str, kind: Kind) -> str:
    """Return what a user's metric is called, without the suffixes of its samples.

    Dots and what else cannot stand in a name become `_`; a timer says its unit.

    Source: https://prometheus.io/docs/practices/naming/
    """
    clean = _UNSAFE.sub("_", name)
    if not clean[:1].isalpha() and clean[:1] != "_":
        clean = f"_{clean}"
    if kind is Kind.COUNTER:
        return clean.removesuffix("_total") or clean
    return clean if kind is Kind.GAUGE or clean.endswith("_seconds") else f"{clean}_seconds"


def is_exact(name: str) -> bool:
    """Tell whether a name needs no cleaning: of two that are alike then, such a one keeps it."""
    return _UNSAFE.search(name) is None and not name[:1].isdigit()


def mark(text: str) -> str:
    """Return what tells a text from others that are alike once cleaned; every process makes the same of it."""
    return f"_{zlib.crc32(text.encode('utf-8', 'backslashreplace')):08x}"


def clean_labels(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the labels of one series, sorted; an empty value means absent, as it does for Prometheus.

    Source: https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels
    """
    labels: dict[str, str] = {}
    for key, value in sorted(pairs, key=lambda pair: (not is_exact(pair[0]), pair)):
        if value:
            label = _label_name(key)
            if label in labels:
                label = label.rstrip("_") + mark(key)  # two `_` at the start are Prometheus's own
            labels[label] = clean_text(value)
    return tuple(sorted(labels.items()))


def clean_text(text: str) -> str:
    """Return text that can be written as UTF-8: what is no character becomes `?`."""
    return text.encode("utf-8", "replace").decode()


def _label_name(key: str) -> str:
    label = _RESERVED_START.sub("_", _UNSAFE.sub("_", key))
    if not label or label[0].isdigit():
        label = f"_{label}"
    return f"extra_{label}" if label == _LE else label  # the bound of a histogram's bucket
