"""What a finished run teaches the planner."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from stratos.contracts.calibration import CalibrationRow
from stratos.contracts.plan import Plan, PlannedHosting
from stratos.pipeline.evidence import RunEvidence
from stratos.pipeline.lessons import calibration_rows
from stratos.planning.choose import plan_before_probing
from stratos.planning.request import PlanningRequest
from stratos.spec import ModeName
from tests import factories
from tests.summaries import measurement, plan, server
from tests.unit.stratos.planning.calibrated import SPEED, run_evidence
from tests.unit.stratos.planning.planning_inputs import cpu, gpu, request, spec, tiny


@pytest.mark.parametrize(("took_part", "learned"), [(4, True), (1, False)])
def test_a_run_tells_how_many_devices_it_measured(took_part: int, learned: bool) -> None:
    server = gpu("ml.g5.12xlarge", num_accelerators=4, interconnect_gb_per_s=600, memory_gib=192)
    plans = plan_before_probing(request(server))
    assert plans.chosen.training.devices == 4
    rows = list(calibration_rows(run_evidence("r", plans, 1_000.0, took_part)))
    counted = {row.quantity: row.num_devices for row in rows}
    assert counted == ({SPEED: 4} if learned else {})


@pytest.mark.parametrize(
    ("planned", "measured", "learned"),
    [
        ("realtime", "realtime", True),
        ("scale_to_zero", "scale_to_zero", True),
        ("serverless", "serverless", False),
        ("serverless", "realtime", False),
        ("realtime", "serverless", False),
        ("async", "async", False),
    ],
)
def test_each_endpoint_teaches_only_if_the_planned_server_answered_in_the_call(
    planned: ModeName, measured: ModeName, learned: bool
) -> None:
    evidence = run_evidence("r", plan_before_probing(request(gpu("ml.g5.xlarge"))), 1_000.0)
    hosting = PlannedHosting(mode=planned, reason="")
    first = plan("first").model_copy(update={"serving": server("ml.a"), "hosting": hosting})
    moved = plan("moved").model_copy(update={"serving": server("ml.b")})
    both = (
        measurement(first).model_copy(update={"mode": measured}),
        measurement(moved).model_copy(update={"mode": "realtime"}),
    )
    rows = calibration_rows(dataclasses.replace(evidence, measurements=both))
    taught = {row.instance_type for row in rows if row.quantity == "p95_latency_ms"}
    assert taught == ({"ml.a", "ml.b"} if learned else {"ml.b"})


def test_what_is_measured_at_home_teaches_nothing_of_the_distance_to_an_origin() -> None:
    evidence = run_evidence("r", plan_before_probing(request(gpu("ml.g5.xlarge"))), 1_000.0)
    near = plan("near").model_copy(update={"calibration": {"p95_latency_ms": 2.0}})
    far = near.model_copy(update={"beyond_home_ms": 100.0})

    def predicted(*plans: Plan) -> list[float]:
        found = tuple(measurement(each) for each in plans)
        rows = calibration_rows(dataclasses.replace(evidence, measurements=found))
        return [row.predicted for row in rows if row.quantity == "p95_latency_ms"]

    at_home, elsewhere = predicted(near, far)
    assert elsewhere == pytest.approx(at_home - 200.0)


def test_training_teaches_of_the_server_that_sagemaker_selected() -> None:
    plans = plan_before_probing(request(gpu("ml.g5.xlarge")))
    planned = plans.chosen.training
    elsewhere = planned.model_copy(update={"instance_type": "ml.g6.xlarge"})
    rate = 3 * plans.chosen.training_tokens_per_second
    other = plans.chosen.model_copy(
        update={"training": elsewhere, "training_tokens_per_second": rate}
    )
    unknown = planned.model_copy(update={"instance_type": "ml.p5.48xlarge"})
    evidence = run_evidence("r", plans.model_copy(update={"front": (other,)}), 1_000.0)
    taught = []
    for server_of_it in (planned, elsewhere, unknown):
        there = dataclasses.replace(evidence, trained_on=server_of_it)
        rows = [row for row in calibration_rows(there) if row.quantity == SPEED]
        taught.append([(row.instance_type, row.predicted) for row in rows])
    assert taught == [
        [("ml.g5.xlarge", plans.chosen.training_tokens_per_second)],
        [("ml.g6.xlarge", rate)],
        [],
    ]


def cut(evidence: RunEvidence, **changes: object) -> RunEvidence:
    """The same run, but its training was cut."""
    assert evidence.distillation is not None
    size = {"num_parameters": 500_000_000, "cpu_share": evidence.distillation.cpu_share}
    trained = factories.cut_training().model_copy(update=size | changes)
    return dataclasses.replace(evidence, distillation=trained)


def small(**fields: Any) -> PlanningRequest:
    """Small models on this machine."""
    teachers, students = (tiny("teacher", hidden=192),), (tiny(),)
    return request(cpu(), teachers=teachers, students=students, **fields)


def evaluated(evidence: RunEvidence, right: int, **distilled: object) -> RunEvidence:
    """The run with a student that answers so many of 600 questions right."""
    assert evidence.distillation is not None
    return dataclasses.replace(
        evidence,
        evaluation=factories.evaluate_result(right, 20, 600),
        distillation=evidence.distillation.model_copy(update=distilled),
    )


def taught(evidence: RunEvidence) -> tuple[CalibrationRow, ...]:
    return tuple(row for row in calibration_rows(evidence) if row.ignored is None)


def test_a_training_that_was_cut_changes_no_later_plan() -> None:
    """A busy machine cut training at step 70 of 650, which made every later plan infeasible."""
    least = spec(constraints={"min_accuracy": 0.45})
    first = plan_before_probing(small(asked=least))
    planned = first.chosen.training_tokens_per_second
    ran = cut(evaluated(run_evidence("r", first, planned), right=143), tokens_per_second=planned)
    rows = taught(ran) * 5
    assert {row.quantity for row in rows} == {SPEED}
    again = plan_before_probing(small(asked=least, calibration=rows))
    assert again.chosen.accuracy == first.chosen.accuracy
    assert again.chosen.id == first.chosen.id


def test_a_row_that_teaches_nothing_is_kept_and_says_why() -> None:
    plans = plan_before_probing(small())
    busy = cut(evaluated(run_evidence("r", plans, 500.0), right=143, cpu_share=0.31))
    told = {row.quantity: row.ignored for row in calibration_rows(busy)}
    assert told == {
        SPEED: "the machine was busy: training got 31% of the CPU it asked for",
        "accuracy": "training stopped at step 70 of 650 by max_training_hours: 0.2; ask for at "
        "least 0.9",
    }


@pytest.mark.parametrize(("share", "learned"), [(0.95, True), (None, True), (0.5, False)])
def test_only_a_machine_that_training_had_to_itself_tells_of_its_pace(
    share: float | None, learned: bool
) -> None:
    plans = plan_before_probing(small())
    there = plan("there").model_copy(update={"serving": server("ml.local.cpu1")})
    evidence = dataclasses.replace(
        evaluated(run_evidence("r", plans, 500.0), right=400, cpu_share=share),
        measurements=(measurement(there),),
    )
    quantities = {row.quantity for row in taught(evidence)}
    assert "accuracy" in quantities
    assert {SPEED, "p95_latency_ms"}.issubset(quantities) is learned
    assert quantities.isdisjoint({SPEED, "p95_latency_ms"}) is not learned
    told = {row.quantity: row.ignored for row in calibration_rows(evidence)}
    busy = (
        "the machine was busy: training got 50% of the CPU it asked for, and what its endpoint got "
        "is not known"
    )
    assert told["p95_latency_ms"] == (None if learned else busy)


@pytest.mark.parametrize(
    ("share_of_forecast", "learned"), [(1.0, True), (0.6, True), (0.3, False), (3.0, False)]
)
def test_accuracy_counts_if_about_as_many_records_were_learned_as_forecast(
    share_of_forecast: float, learned: bool
) -> None:
    plans = plan_before_probing(request(gpu("ml.g5.xlarge")))
    forecast = plans.chosen.num_records
    assert forecast is not None
    kept = round(share_of_forecast * forecast)
    evidence = dataclasses.replace(
        evaluated(run_evidence("r", plans, 500.0), right=400),
        synthesis=factories.synthesize_result().model_copy(update={"kept": kept}),
    )
    assert ("accuracy" in {row.quantity for row in taught(evidence)}) is learned


def test_an_endpoint_whose_requests_failed_teaches_nothing() -> None:
    evidence = run_evidence("r", plan_before_probing(request(gpu("ml.g5.xlarge"))), 1_000.0)
    failing = measurement(plan("p")).model_copy(update={"missed": ("failed_requests",)})
    rows = taught(dataclasses.replace(evidence, measurements=(failing,)))
    assert {row.quantity for row in rows} == {SPEED}
