"""How a benchmark ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.tables import check, conclude


@pytest.mark.parametrize(("value", "code"), [(2, 0), (3, 1)])
def test_a_missed_aim_is_written_as_missed_and_told_by_the_exit_code(
    tmp_path: Path, value: int, code: int
) -> None:
    path = tmp_path / "speed.json"
    with pytest.raises(SystemExit) as ended:
        conclude(path, {"rows": [1]}, [check("seconds", value, 2, "lower")], write=True)
    assert ended.value.code == code
    written = json.loads(path.read_text())
    assert (written["name"], written["rows"]) == ("speed", [1])
    assert written["checks"][0]["meets"] is (code == 0)


def test_a_result_is_written_only_if_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        conclude(tmp_path / "speed.json", {}, [], write=False)
    assert list(tmp_path.iterdir()) == []
