"""Rows of a benchmark, printed as a table, and figures held to their aims."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.machine import describe_machine

Row = dict[str, Any]


def check(name: str, value: float, aim: float, better: str) -> Row:
    """A figure beside its aim; `better` is `higher` or `lower`."""
    meets = value >= aim if better == "higher" else value <= aim
    return {"name": name, "value": value, "aim": aim, "better": better, "meets": meets}


def conclude(
    path: Path, found: Mapping[str, Any], checks: Sequence[Row], *, write: bool
) -> NoReturn:
    """Print what was found, write it with machine and date, and exit: 1 if an aim is missed.

    Args:
        path: Of the result, whose name is the benchmark's.
    """
    print_table(checks)
    result = {
        "name": path.stem,
        "machine": describe_machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **found,
        "checks": list(checks),
    }
    if write:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))
    sys.exit(0 if all(each["meets"] for each in checks) else 1)


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
