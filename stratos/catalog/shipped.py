"""The files that the catalog ships with; their sources are in `data/README.md`."""

from __future__ import annotations

import csv
from importlib import resources


def shipped_text(name: str) -> str:
    return resources.files("stratos.catalog").joinpath("data", name).read_text(encoding="utf-8")


def shipped_rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file, without the fields that are empty: nothing is known of those."""
    rows = csv.DictReader(shipped_text(name).splitlines())
    return [{field: value for field, value in row.items() if value} for row in rows]
