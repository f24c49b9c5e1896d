"""Rows of a benchmark, printed as a table, and figures held to their aims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def check(name: str, value: float, aim: float, better: str) -> Row:
    """A figure beside its aim; `better` is `higher` or `lower`."""
    meets = value >= aim if better == "higher" else value <= aim
    return {"name": name, "value": value, "aim": aim, "better": better, "meets": meets}


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows with columns as wide as their content; a row may lack some."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns] + [[shown(row.get(name, "")) for name in columns] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


def shown(value: object) -> str:
    """A value in four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
