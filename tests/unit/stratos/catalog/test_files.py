"""Files of a folder on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.catalog.files import FilesOnDisk, parse_json


def test_files_on_disk_are_read_whole_or_in_part_and_listed_without_folders(tmp_path: Path) -> None:
    (tmp_path / "model" / "deeper").mkdir(parents=True)
    (tmp_path / "model" / "b.txt").write_bytes(b"0123456789")
    (tmp_path / "model" / "a.txt").write_bytes(b"")
    (tmp_path / "model" / "deeper" / "c.txt").write_bytes(b"")
    files = FilesOnDisk(tmp_path)
    assert files.names("model") == ["a.txt", "b.txt"]
    assert files.names("nowhere") == []
    assert files.read("model/b.txt") == b"0123456789"
    assert files.read_range("model/b.txt", 7, 5) == b"789"
    with pytest.raises(FileNotFoundError):
        files.read_range("model/z.txt", 0, 1)


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_told_by_its_path(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"m/config\.json is not JSON that can be read"):
        parse_json(content, "m/config.json")


def test_json_is_parsed() -> None:
    assert parse_json(b'{"a": [1]}', "m/config.json") == {"a": [1]}
