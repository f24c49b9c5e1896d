"""What a finished run can be asked, and what that costs."""

from __future__ import annotations

from datetime import UTC, datetime

from stratos.cli.app import Commands
from stratos.report.html import render
from stratos.report.next_steps import next_steps
from tests.summaries import succeeded_run


def test_a_live_model_is_asked_taken_home_and_ended():
    run = succeeded_run()
    said = dict(next_steps(run))
    assert next(iter(said)) == f'stratos invoke {run.run_id} "…"'
    assert f"stratos pull {run.run_id}" in said
    assert list(said)[-1] == f"stratos delete {run.run_id}"


def test_an_endpoint_says_until_when_it_lives_or_that_it_costs_money():
    run = succeeded_run()
    ends = run.endpoint.model_copy(update={"expires_at": datetime(2026, 12, 1, 8, tzinfo=UTC)})
    kept = run.endpoint.model_copy(update={"expires_at": None})
    for endpoint, told in ((ends, "else it ends 2026-12-01"), (kept, "costs money until then")):
        steps = next_steps(run.model_copy(update={"endpoint": endpoint}))
        assert told in dict(steps)[f"stratos delete {run.run_id}"]


def test_every_step_is_a_command_that_there_is():
    steps = next_steps(succeeded_run())
    assert len(steps) >= 3
    assert {command.split()[1] for command, _ in steps} <= set(Commands.listed)


def test_a_run_without_a_model_has_no_next_step():
    assert next_steps(succeeded_run(status="failed", endpoint=None, training=None)) == ()


def test_the_page_names_them():
    run = succeeded_run()
    assert f"stratos pull {run.run_id}" in render(run)
