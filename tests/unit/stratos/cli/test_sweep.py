"""Sweeping by hand."""

from __future__ import annotations

import pytest

from stratos.errors import (
    StackNotFound,
)
from tests.unit.stratos.cli.stack_contents import run


def test_sweeping_without_a_stack_says_what_to_deploy(stack):
    with pytest.raises(StackNotFound, match="no function stratos-sweep"):
        run("sweep", "--dry-run")
