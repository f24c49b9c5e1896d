"""Runs as the command line lists them."""

from __future__ import annotations

import json

import pytest

from stratos.cli.runs import find_run, list_runs
from stratos.errors import (
    RunNotFound,
)
from tests.unit.stratos.cli.stack_contents import STARTED, put_run, run


def test_a_run_that_waits_says_since_when_and_until_when(stack):
    times = {"awaiting_approval_since": STARTED, "approve_by": "2026-11-27T08:00:00+00:00"}
    put_run(stack, "r-1", status="running", task_token="t-secret", **times)
    code, out = run("runs", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert {name: row[name] for name in times} == times
    assert "t-secret" not in out


def test_an_unknown_run_names_those_there_are(stack):
    put_run(stack, "r-1")
    with pytest.raises(RunNotFound, match=r"no run 'r-9'; the latest runs are: r-1"):
        find_run(stack, "r-9")


def test_a_row_that_cannot_be_read_is_named_and_hides_no_other(stack, capsys):
    put_run(stack, "r-1")
    put_run(stack, "odd-2", started_at="yesterday")
    assert [row.run_id for row in list_runs(stack)] == ["r-1"]
    assert "run odd-2 is left out: its row in the runs table has no usable started_at" in (
        capsys.readouterr().err
    )
