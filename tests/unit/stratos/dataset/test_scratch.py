"""What lies on disk only while a dataset is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.dataset.scratch import Scratch, scratch_table


class OneFile(Scratch):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.table = scratch_table(path, "CREATE TABLE seen (name TEXT)", cache_kib=64)

    def delete(self) -> None:
        self.table.close()
        self.path.unlink()


def test_a_table_is_gone_after_its_block_even_if_that_fails(tmp_path: Path) -> None:
    def fill(file: OneFile) -> None:
        file.table.execute("INSERT INTO seen VALUES ('a')")
        assert file.table.execute("SELECT name FROM seen").fetchall() == [("a",)]
        assert list(tmp_path.iterdir()) == [file.path]
        raise KeyError

    with pytest.raises(KeyError), OneFile(tmp_path / "table") as file:
        fill(file)
    assert list(tmp_path.iterdir()) == []


def test_a_table_sorts_in_files_and_keeps_no_journal(tmp_path: Path) -> None:
    with OneFile(tmp_path / "table") as file:
        settings = ("journal_mode", "synchronous", "temp_store", "cache_size")
        found = [file.table.execute(f"PRAGMA {one}").fetchone()[0] for one in settings]
    assert found == ["off", 0, 1, -64]
