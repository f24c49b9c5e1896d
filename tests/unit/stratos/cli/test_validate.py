"""A folder is validated without an account."""

from __future__ import annotations

import pytest

from stratos.errors import SpecRejected
from tests.unit.stratos.cli.stack_contents import run


def test_a_folder_that_can_be_submitted_is_described(folder):
    code, out = run("validate", str(folder))
    assert code == 0
    assert "nothing is wrong with the spec" in out


def test_every_problem_of_a_spec_is_named(folder):
    spec = (folder / "spec.yaml").read_text().replace("version: 1", "version: 9")
    (folder / "spec.yaml").write_text(spec + "\nunknown_field: 1\n")
    with pytest.raises(SpecRejected, match="2 problems"):
        run("validate", str(folder))
