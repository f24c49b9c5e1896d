"""Tables and files that are needed while a dataset is read, and gone afterwards."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self


class Scratch(ABC):
    """Something on disk that is deleted when its block ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.delete()

    @abstractmethod
    def delete(self) -> None:
        """Close what is open, and delete it."""


def scratch_table(path: Path, table: str, cache_kib: int) -> sqlite3.Connection:
    """A database that nobody needs after a crash, with one table, in a transaction.

    Args:
        table: The statement that creates it.
        cache_kib: What SQLite may hold in memory.
    """
    database = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE"):
        database.execute(f"PRAGMA {setting}")
    database.execute(f"PRAGMA cache_size=-{cache_kib}")
    database.execute(table)
    database.execute("BEGIN")
    return database
