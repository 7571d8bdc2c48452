"""Writes the files that other systems have to have of the metrics."""

import sys
from pathlib import Path

from queue_telemetry.export import TARGETS, exported
from queue_telemetry.settings import load

__all__ = ["run_export"]

_WRITTEN = 0
_CANNOT = 2


def run_export(target: str, out: Path) -> int:
    """Write the files for *target*, or for every one, below *out*, by the settings in force; print what became of each.

    Returns:
        The exit code: 0, or 2 when the target is unknown or a file cannot be written.

    Raises:
        ConfigurationError: A setting is wrong.
    """
    if target not in {"all", *TARGETS}:
        print(f"queue-telemetry: no target {target!r}: {', '.join(TARGETS)} or all", file=sys.stderr)
        return _CANNOT
    files = exported(load(), *([] if target == "all" else [target]))
    for file in files:
        path = out / file.path
        try:
            print(f"{_write(path, file.text)} {path}")
        except OSError as error:
            print(f"queue-telemetry: {path} cannot be written: {error}", file=sys.stderr)
            return _CANNOT
    return _WRITTEN


def _write(path: Path, text: str) -> str:
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text:
        return "unchanged"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return "wrote    "
