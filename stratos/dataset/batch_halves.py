"""Requests and responses of batches, which lie in files of their own, until both were read.

They meet by `custom_id`, on disk. Ids count anew in each batch, so that files of several batches
need a folder for each.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stratos.dataset.formats.batch_files import BatchHalf, whole_row
from stratos.dataset.formats.row import ParsedRow, RowError
from stratos.dataset.scratch import Scratch, scratch_table

_CACHE_KIB = 16 * 1024
_TABLE = """
CREATE TABLE half (
    seq INTEGER PRIMARY KEY, folder TEXT, custom_id TEXT, place TEXT, body TEXT, is_request INTEGER
)
"""
_JOINED = """
SELECT folder, custom_id, min(seq),
    sum(is_request), sum(NOT is_request),
    max(CASE WHEN is_request THEN seq END), max(CASE WHEN NOT is_request THEN seq END)
FROM half GROUP BY folder, custom_id ORDER BY 3
"""


class BatchHalves(Scratch):
    """A table on disk, deleted at the end. It is made only when a first half comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def delete(self) -> None:
        if self._database is not None:
            self._database.close()
            self._path.unlink(missing_ok=True)

    def add(self, file: str, place: str, half: BatchHalf) -> None:
        """Keep a half.

        Args:
            place: File and line, for messages.
        """
        if self._database is None:
            self._database = scratch_table(self._path, _TABLE, _CACHE_KIB)
        body = half.request if half.is_request else half.response
        self._database.execute(
            "INSERT INTO half (folder, custom_id, place, body, is_request) VALUES (?,?,?,?,?)",
            (
                str(PurePosixPath(file).parent),
                half.custom_id,
                place,
                json.dumps(body, ensure_ascii=False),
                half.is_request,
            ),
        )

    def joined(self) -> Iterator[tuple[str, ParsedRow | RowError]]:
        """Place and row of every request; or why a response is none of one."""
        if self._database is None:
            return
        for folder, custom_id, _, requests, responses, asked, told in self._database.execute(
            _JOINED
        ):
            place, body = self._half(asked if asked is not None else told)
            if requests != 1 or responses > 1:
                yield place, _unpaired(folder, custom_id, requests, responses)
                continue
            response = None if told is None else json.loads(self._half(told)[1])
            try:
                yield place, whole_row(custom_id, json.loads(body), response)
            except RowError as error:
                yield place, error

    def _half(self, seq: int) -> tuple[str, str]:
        assert self._database is not None
        query = "SELECT place, body FROM half WHERE seq = ?"
        place, body = self._database.execute(query, (seq,)).fetchone()
        return place, body


def _unpaired(folder: str, custom_id: str, requests: int, responses: int) -> RowError:
    if not requests:
        return RowError(
            f"the response to {custom_id!r} has no request; put the batch's input file into "
            f"{folder}/, beside its output"
        )
    return RowError(
        f"{folder}/ has {requests} requests and {responses} responses of the custom_id "
        f"{custom_id!r}; give each batch a folder of its own"
    )
