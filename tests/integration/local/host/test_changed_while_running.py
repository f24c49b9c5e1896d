"""A file that is changed while it is read."""

from __future__ import annotations

from pydantic import BaseModel

from infra.local.host.changed_while_running import ChangedWhileRunning


class Switches(BaseModel):
    on: frozenset[str] = frozenset()


def test_without_a_file_everything_is_as_by_default(tmp_path):
    assert ChangedWhileRunning(tmp_path / "none" / "f.json", Switches).read() == Switches()


def test_what_was_written_is_read_by_whoever_looks_next(tmp_path):
    path = tmp_path / "deep" / "f.json"
    ChangedWhileRunning(path, Switches).write(Switches(on=frozenset({"a"})))
    assert ChangedWhileRunning(path, Switches).read().on == {"a"}
    assert [file.name for file in path.parent.iterdir()] == ["f.json"]
