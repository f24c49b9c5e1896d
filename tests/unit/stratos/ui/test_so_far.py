"""What a run has come to before it has a report."""

from __future__ import annotations

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


def test_money_is_what_jobs_have_told_by_their_clocks(stack, states):
    put_run(stack, "paid-1", status="running")
    keys = RunKeys("paid-1")
    result = factories.synthesize_result()
    put(stack, keys.job_result("synthesize-a0"), result.model_dump_json().encode())
    put(stack, keys.job_config("synthesize-a0") + "config.json", b'{"usd_per_hour": 36}')
    costs = {phase.name: round(phase.cost_usd, 6) for phase in so_far(stack, "paid-1").phases}
    assert costs["Synthesize"] == 0.11  # 10 s at $36 an hour, and a cent for its teacher
    assert costs["ProbeModels"] == 0.0


def test_a_job_that_has_told_nothing_yet_has_cost_nothing_yet(stack, states):
    put(stack, RunKeys(WAITING).job_config("distill-a0") + "config.json", b'{"usd_per_hour": 36}')
    assert so_far(stack, WAITING).total_usd == 0


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
