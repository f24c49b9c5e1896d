"""One has a lock, until it lets go."""

from __future__ import annotations

from pathlib import Path

from infra.local.host.lock import is_locked, try_lock


def test_a_file_is_locked_by_one_as_long_as_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    with path.open("w") as one, path.open("w") as other:
        assert not is_locked(path)
        assert try_lock(one)
        assert is_locked(path)
        assert not try_lock(other)
        one.close()
        assert try_lock(other)
    assert not is_locked(path)
