"""What a run has come to before it has a report."""

from __future__ import annotations

import pytest

from stratos.cli.run_costs import RunCosts
from stratos.cli.runs import find_run
from stratos.contracts.bucket import RunKeys
from stratos.ui.so_far import find_probes, summary_so_far
from tests import factories
from tests.summaries import probe
from tests.ui_runs import BEGAN, NOW, RUNNING, WAITING, WAY, history
from tests.unit.stratos.cli.stack_contents import put, put_run


def so_far(stack, run_id):
    return summary_so_far(stack, find_run(stack, run_id), history(WAY[:8]), NOW)


def test_what_is_there_is_told_and_the_rest_is_unknown(stack, states):
    summary = so_far(stack, RUNNING)
    assert (summary.status, summary.started_at, summary.ended_at) == ("running", BEGAN, NOW)
    assert summary.plans.num_candidates == 48
    assert summary.dataset.num_lines == 8_001
    assert (summary.training, summary.student, summary.endpoint) == (None, None, None)
    asked = {each.name: each for each in summary.constraints}
    assert asked["min_accuracy"].predicted.value == 0.6
    assert (asked["min_accuracy"].measured, asked["min_accuracy"].passed) == (None, None)


@pytest.mark.parametrize("costs", [{"Distill": 0.1, "Deploy": 0.2}, None], ids=["some", "denied"])
def test_money_is_what_watch_tells_as_far_as_the_account_may_be_asked(stack, monkeypatch, costs):
    monkeypatch.setattr(RunCosts, "by_phase", lambda self: costs)
    found = {phase.name: phase.cost_usd for phase in so_far(stack, RUNNING).phases}
    assert found["ProbeModels"] == 0.0
    assert found["Distill"] == (0.1 if costs else 0.0)
    assert found.get("Deploy") == (0.2 if costs else None)


def test_results_of_the_student_under_way_are_read(stack, states):
    put_run(stack, "trained-1", status="running")
    result = factories.distill_result().model_dump_json().encode()
    put(stack, RunKeys("trained-1").job_result("distill-a0"), result)
    assert so_far(stack, "trained-1").training.steps == 100


def test_probes_are_told_as_they_end(stack, states):
    assert [one.role for one in find_probes(stack, RUNNING)] == ["teacher"]
    for number, role in enumerate(("teacher", "student")):
        result = probe(role, 1).model_dump_json().encode()
        put(stack, RunKeys("probed-1").job_result(f"probe-{role[0]}{number}"), result)
    assert {one.role for one in find_probes(stack, "probed-1")} == {"student", "teacher"}
    assert find_probes(stack, WAITING) == ()
