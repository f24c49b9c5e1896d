"""Files of a folder on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.catalog import files
from stratos.catalog.files import FilesOnDisk, parse_json


def test_files_on_disk_are_read_whole_or_in_part_and_listed_without_folders(tmp_path: Path) -> None:
    (tmp_path / "model" / "deeper").mkdir(parents=True)
    (tmp_path / "model" / "b.txt").write_bytes(b"0123456789")
    (tmp_path / "model" / "a.txt").write_bytes(b"")
    (tmp_path / "model" / "deeper" / "c.txt").write_bytes(b"")
    found = FilesOnDisk(tmp_path)
    assert found.names("model") == ["a.txt", "b.txt"]
    assert found.names("nowhere") == []
    assert found.read("model/b.txt") == b"0123456789"
    assert found.read_range("model/b.txt", 7, 5) == b"789"
    with pytest.raises(FileNotFoundError):
        found.read_range("model/z.txt", 0, 1)


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_told_by_its_path(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"m/config\.json is not JSON that can be read"):
        parse_json(content, "m/config.json")


def test_json_is_parsed() -> None:
    assert parse_json(b'{"a": [1]}', "m/config.json") == {"a": [1]}


@pytest.mark.parametrize("size", [0, 2**20 - 1, 2**20, 2**20 + 5])
def test_a_file_is_read_whole_up_to_a_bound(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)
    assert len(files.read_text(FilesOnDisk(tmp_path), "a")) == size
    monkeypatch.setattr(files, "MOST_TEXT_BYTES", 2**20)
    if size > 2**20:
        with pytest.raises(ValueError, match="a is larger than the 1,048,576 bytes"):
            files.read_text(FilesOnDisk(tmp_path), "a")


def test_half_a_character_is_no_text_of_a_model() -> None:
    with pytest.raises(ValueError, match="is not JSON that can be read"):
        parse_json(rb'{"a": "\ud800"}', "m/config.json")
    assert parse_json(rb'{"a": "\ud83d\ude00"}', "m/config.json") == {"a": "\U0001f600"}


def test_what_python_finds_wrong_with_a_value_is_told_of_the_folder() -> None:
    def count(layers: object) -> int:
        with files.as_saved("models/m"):
            return layers["n"] + 1  # type: ignore[index]

    assert count({"n": 1}) == 2
    for wrong in ({}, 5, {"n": "x"}):
        with pytest.raises(ValueError, match="models/m holds something else than"):
            count(wrong)


def test_a_link_that_leads_to_itself_is_told_and_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"loop cannot be read .*give a plain file"):
        FilesOnDisk(tmp_path).read("loop")
    with pytest.raises(FileNotFoundError):
        FilesOnDisk(tmp_path).read("file/config.json")
