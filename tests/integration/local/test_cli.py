"""What `stratos local` refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.local.cli import app


@pytest.mark.parametrize("given", ["SubnetIds", "=subnet-1"])
def test_a_parameter_without_name_or_value_is_refused(tmp_path: Path, given: str) -> None:
    state_dir = tmp_path / "cloud"
    asked = CliRunner().invoke(app, ["up", "--state-dir", str(state_dir), "--parameter", given])
    assert asked.exit_code == 2
    assert "is not KEY=VALUE" in asked.output
    assert not state_dir.exists()
