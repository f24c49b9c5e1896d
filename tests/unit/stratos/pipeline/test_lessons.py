"""What a finished run teaches the planner."""

from __future__ import annotations

import dataclasses

import pytest

from stratos.contracts.plan import PlannedHosting
from stratos.pipeline.lessons import calibration_rows
from stratos.planning.choose import plan_before_probing
from stratos.spec import ModeName
from tests.summaries import measurement, plan, server
from tests.unit.stratos.planning.calibrated import SPEED, run_evidence
from tests.unit.stratos.planning.planning_inputs import gpu, request


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
