"""Records on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.dataset.spool import Spool, line_of, record_of
from tests.unit.stratos.dataset.inspecting import record


def test_records_larger_than_a_file_of_the_spool_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratos.dataset.spool._SEGMENT_BYTES", 300)
    records = [record([f"w{i}"] * (i % 90), "yes") for i in range(200)]
    with Spool(tmp_path / "spool") as spool:
        notes = [b"%d" % number for number in range(200)]
        places = [spool.append(line_of(item), n) for item, n in zip(records, notes, strict=True)]
        assert spool.at(places[150]) == records[150]
        assert [spool.at(place) for place in reversed(places)] == records[::-1]
        drained = list(spool.drain())
    assert [note for note, _ in drained] == notes
    assert [record_of(line) for _, line in drained] == records
