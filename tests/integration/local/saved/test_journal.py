"""Lines that outlive the process that wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.local.saved.journal import Journal


def lines(*numbers: int) -> list[dict[str, object]]:
    return [{"done": str(number)} for number in numbers]


def written(tmp_path: Path) -> tuple[Journal, Path]:
    """Three lines, and their file."""
    journal = Journal(tmp_path)
    number = journal.begin()
    for line in lines(1, 2, 3):
        journal.write(line)
    return journal, tmp_path / f"journal-{number}.jsonl"


def test_a_last_line_that_was_cut_costs_nothing_and_is_no_damage(tmp_path: Path) -> None:
    journal, file = written(tmp_path)
    file.write_bytes(file.read_bytes()[:-5])
    assert list(journal.read(0)) == lines(1, 2)
    assert journal.damaged == []
    journal.close()


def test_a_line_for_which_there_is_no_room_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, _ = written(tmp_path)

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, line: bytes) -> int:
            return int(self._file.write(line[:4]))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    with monkeypatch.context() as full:
        full.setattr(journal, "_file", Full(journal._file))
        with pytest.raises(OSError, match="cut"):
            journal.write({"done": "4"})
    journal.write({"done": "5"})
    assert list(journal.read(0)) == lines(1, 2, 3, 5)
    assert journal.damaged == []
    journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        (b'"2"}', b'"2"!'),
        (b'{"done": "2"}', b'{"odne": "2"}'),
        (b'{"done": "2"}', b'{"item": {"$bytes": 2}}'),
        (b'{"done": "2"}', b"2"),
        (b'"2"}\n', b'"2"}x'),
    ],
)
def test_a_line_that_is_damaged_is_told_and_its_file_can_be_put_aside(
    tmp_path: Path, damage: tuple[bytes, bytes]
) -> None:
    journal, file = written(tmp_path)
    spoilt = file.read_bytes().replace(*damage)
    file.write_bytes(spoilt)
    assert [line for line in journal.read(0) if line != {"done": "3"}] == lines(1)
    assert journal.damaged == [f"{file.name}: a change that was acknowledged"]
    following = journal.begin()
    journal.put_aside(following, tmp_path / "aside")
    journal.forget_before(following)
    assert (tmp_path / "aside" / file.name).read_bytes() == spoilt
    assert not file.exists()
    journal.close()


def test_a_tail_of_zeros_is_damage(tmp_path: Path) -> None:
    journal, file = written(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-8] + bytes(8))
    assert list(journal.read(0)) == lines(1, 2)
    assert len(journal.damaged) == 1
    journal.close()


def test_a_new_file_has_what_came_after_it_began_and_the_older_ones_can_go(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first = journal.begin()
    journal.write({"done": "1"}, frozenset({"a"}))
    assert journal.blobs == {"a"}
    second = journal.begin()
    journal.write({"item": {"raw": b"\x00"}}, frozenset({"b"}))
    assert journal.blobs == {"b"}
    assert list(journal.read(first)) == [{"done": "1"}, {"item": {"raw": b"\x00"}}]
    journal.forget_before(second)
    assert list(journal.read(first)) == [{"item": {"raw": b"\x00"}}]
    journal.close()
    journal.write({"done": "3"})  # nobody keeps what comes after the end
    third = Journal(tmp_path)
    assert third.begin() > second
    third.close()
