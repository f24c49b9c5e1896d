"""Approving and rejecting."""

from __future__ import annotations

import pytest

from stratos.errors import (
    NotAwaitingApproval,
)
from tests.unit.stratos.cli.stack_contents import put_run, run


@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize("status", ["running", "succeeded", "failed"])
def test_a_run_that_does_not_wait_cannot_be_decided(stack, decision, status):
    put_run(stack, "r-1", status=status, **({} if status == "running" else {"task_token": "t"}))
    with pytest.raises(NotAwaitingApproval, match=f"r-1 is {status} and does not wait"):
        run(decision, "r-1", "--reason", "x")
