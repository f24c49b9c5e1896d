"""Lines that outlive the process that wrote them."""

from __future__ import annotations

from pathlib import Path

from infra.local.saved.journal import Journal


def test_a_line_that_was_cut_costs_nothing_but_itself(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    number = journal.begin()
    journal.write({"n": 1})
    with (tmp_path / f"journal-{number}.jsonl").open("ab") as file:
        file.write(b'\n{"n": ')
    journal.write({"n": 3})
    journal.close()
    assert list(Journal(tmp_path).read(number)) == [{"n": 1}, {"n": 3}]


def test_a_line_that_is_damaged_is_told_and_its_file_can_be_put_aside(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    number = journal.begin()
    for n in (1, 2, 3):
        journal.write({"n": n})
    file = tmp_path / f"journal-{number}.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"n": 2', b'"n"! 2'))
    assert list(journal.read(number)) == [{"n": 1}, {"n": 3}]
    assert journal.damaged == [f"{file.name}: a change that was acknowledged"]
    (tmp_path / "aside").mkdir()
    journal.forget_before(journal.begin(), tmp_path / "aside")
    assert b'"n"! 2' in (tmp_path / "aside" / file.name).read_bytes()
    journal.close()


def test_a_new_file_has_what_came_after_it_began_and_the_older_ones_can_go(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first = journal.begin()
    journal.write({"n": 1}, frozenset({"a"}))
    assert journal.blobs == {"a"}
    second = journal.begin()
    journal.write({"n": 2, "raw": b"\x00"}, frozenset({"b"}))
    assert journal.blobs == {"b"}
    assert list(journal.read(first)) == [{"n": 1}, {"n": 2, "raw": b"\x00"}]
    journal.forget_before(second)
    assert list(journal.read(first)) == [{"n": 2, "raw": b"\x00"}]
    journal.close()
    journal.write({"n": 3})  # nobody keeps what comes after the end
    third = Journal(tmp_path)
    assert third.begin() > second
    third.close()
