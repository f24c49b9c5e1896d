"""Jobs in another region: copies, their bill, and waiting after refusals."""

from __future__ import annotations

import numpy as np
import pytest

from stratos.planning.forecast.elsewhere import (
    COPY_BYTES_PER_SECOND,
    PROGRAM_BYTES,
    REFUSAL_HALF_LIFE_HOURS,
    Moved,
    elsewhere,
    moved,
    refusal_chance,
)
from stratos.planning.forecast.server_table import training_table
from stratos.planning.forecast.workload import workload_of
from stratos.planning.request import PlanningRequest, RecentRefusal
from stratos.units import GIB
from tests.unit.stratos.planning.planning_inputs import gpu, model, request, spec

USD = {"us-east-1": 1.0, "sa-east-1": 0.5, "eu-west-1": 0.6}
HOME = ("us-east-1", "sa-east-1", "eu-west-1")


def refused(hours_ago: float, region: str = "us-east-1", **fields: object) -> RecentRefusal:
    known = {"instance_type": "ml.g9.xlarge", "purchase": "on_demand", "region": region}
    return RecentRefusal.model_validate(known | {"hours_ago": hours_ago} | fields)


def asked(**fields: object) -> PlanningRequest:
    return request(gpu(usd=USD), training_regions=HOME, **fields)


def test_copies_are_paid_by_the_region_that_bytes_leave_and_waited_for() -> None:
    table = training_table(asked().servers, HOME)
    costs = elsewhere(asked(), table)
    what = Moved(inputs=10 * GIB, outputs=2 * GIB, checkpoint=GIB)
    by_region = dict(zip([row.region for row in table.rows], range(3), strict=True))
    usd = costs.usd(what, np.full(3, 1_800.0))  # three copies of checkpoints
    assert usd[by_region["us-east-1"]] == 0
    assert usd[by_region["sa-east-1"]] == pytest.approx(10 * 0.02 + 5 * 0.138)
    assert usd[by_region["eu-west-1"]] == pytest.approx(10 * 0.02 + 5 * 0.02)
    seconds = costs.copying_seconds(what)
    assert seconds[by_region["us-east-1"]] == 0
    assert seconds[by_region["sa-east-1"]] == pytest.approx(12 * GIB / COPY_BYTES_PER_SECOND)


def test_nothing_is_moved_where_no_workers_are_known() -> None:
    costs = elsewhere(request(gpu(usd=USD)), training_table(asked().servers, HOME))
    assert not costs.away.any()
    assert not costs.waiting_seconds.any()


def test_weights_in_the_bucket_are_copied_and_those_of_the_hub_are_not() -> None:
    teacher, student = model("teacher", 7.0, num_bytes=15_000_000), model(num_bytes=1_000_000)

    def inputs(**models: object) -> float:
        found = asked(asked=spec(**models), facts={"num_bytes": 5_000})
        work = workload_of(found, None, student=student)
        return moved(found, teacher, student, "lora", work, 100.0).inputs

    assert inputs(teachers=[{"kind": "weights", "path": "teacher"}]) == PROGRAM_BYTES + 15_005_000
    assert inputs(teachers=[{"kind": "weights", "hub": "a/teacher"}]) == PROGRAM_BYTES + 5_000
    assert inputs(students=[{"path": "student"}]) == PROGRAM_BYTES + 1_005_000


def test_a_checkpoint_of_lora_is_that_of_its_adapter() -> None:
    found, student = asked(), model()
    work = workload_of(found, None, student=student)
    full = moved(found, model("teacher", 7.0), student, "full", work, 100.0).checkpoint
    lora = moved(found, model("teacher", 7.0), student, "lora", work, 100.0).checkpoint
    assert full == pytest.approx(12 * 0.5e9, rel=0.05)
    assert lora < full / 20


def test_a_refusal_foretells_another_less_the_older_it_is() -> None:
    row = training_table(asked().servers, HOME[:1]).rows[0]
    assert refusal_chance([], row) == 0
    assert refusal_chance([refused(0)], row) == 1
    half = refused(REFUSAL_HALF_LIFE_HOURS)
    assert refusal_chance([half], row) == pytest.approx(0.5)
    assert refusal_chance([half, half], row) == pytest.approx(0.75)
    assert refusal_chance([refused(0, "eu-west-1"), refused(0, purchase="spot")], row) == 0
