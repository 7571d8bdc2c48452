"""Prints plain aligned tables, and holds a ratio beside its budget."""

from collections.abc import Sequence

__all__ = ["at_least", "at_most", "print_table"]


def at_most(ratio: float, budget: float) -> tuple[str, str, str]:
    """Return the cells of a ratio that may be as large as its budget: ratio, budget, verdict."""
    return f"{ratio:.2f}x", f"<= {budget:g}x", "ok" if ratio <= budget else "OVER"


def at_least(ratio: float, budget: float) -> tuple[str, str, str]:
    """Return the cells of a ratio that has to reach its budget: ratio, budget, verdict."""
    return f"{ratio:.2f}x", f">= {budget:g}x", "ok" if ratio >= budget else "SHORT"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a title; the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    print(f"\n{title}")
    for row in (header, ["-" * width for width in widths], *rows):
        first, *others = (
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(["", first, *others]))
