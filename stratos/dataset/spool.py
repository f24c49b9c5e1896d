"""Records on disk while the whole of a dataset is being counted; in memory only their places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from stratos.records import Record


class Spool:
    """An append-only file of records that can be read again one by one."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._offsets: list[int] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._offsets)

    def append(self, record: Record) -> None:
        self._offsets.append(self._file.seek(0, 2))
        self._file.write(record.model_dump_json(exclude_none=True).encode() + b"\n")

    def __getitem__(self, index: int) -> Record:
        self._file.seek(self._offsets[index])
        return Record.model_validate_json(self._file.readline())

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self._offsets)))
