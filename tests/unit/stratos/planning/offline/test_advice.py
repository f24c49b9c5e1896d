"""Advice moves everything that can move, and none of it is wrong."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stratos.catalog.servers import InstanceType
from stratos.contracts.plan_document import Advice
from stratos.errors import NoFeasiblePlan
from stratos.planning.offline.advice import advise, told
from stratos.planning.offline.planner import OfflinePlanner
from tests import factories
from tests.unit.stratos.planning.planning_inputs import catalog, cpu, gpu

SLOW = {"us-east-1": 4.0, "eu-west-1": 1.0}


def planner(folder: Path, *servers: InstanceType, **sections: Any) -> OfflinePlanner:
    for name, content in factories.spec_folder().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    content = factories.spec_text(**sections).encode()
    return OfflinePlanner(folder, content, catalog(*(servers or (cpu(), gpu(usd=SLOW)))))


def checked(asked: OfflinePlanner, changes: tuple[str, ...] = ()) -> list[Advice]:
    """The advice, each of which is planned with again, as its command says it."""
    with suppress(NoFeasiblePlan):  # there may be no candidate at all
        assert asked.plans(changes).infeasible
    found = list(advise(asked, "SPEC", changes, ("--catalog", "c.json")))
    for advice in found:
        words = shlex.split(advice.command)
        assert words[:5] == ["stratos", "plan", "SPEC", "--catalog", "c.json"]
        options = dict(enumerate(words[5:]))
        what_if = [options[at + 1] for at in options if options[at] == "--what-if"]
        region = next((options[at + 1] for at in options if options[at] == "--region"), None)
        plans = asked.plans(what_if, region)
        assert not plans.infeasible
        assert plans.chosen.id == advice.plan.id
        assert advice.plan.student in told(advice)
    return found


def test_a_limit_is_relaxed_to_what_is_just_loose_enough(tmp_path: Path) -> None:
    asked = planner(tmp_path, constraints={"max_hosting_usd_per_month": 10.0})
    (first, *_) = [one for one in checked(asked) if one.moves == "constraints"]
    (option, change) = first.options
    assert option == "--what-if"
    name, _, value = change.partition("=")
    assert name == "constraints.max_hosting_usd_per_month"
    assert float(value) == pytest.approx(first.plan.usd_per_month.value, rel=0.01)


def test_a_cold_start_is_offered_where_it_makes_a_month_cheap_enough(tmp_path: Path) -> None:
    rare = {"requests_per_second": 0.5, "mean_requests_per_second": 0.001}
    asked = planner(tmp_path, constraints={"max_hosting_usd_per_month": 10.0}, load=rare)
    hosted = [one for one in checked(asked) if one.moves == "hosting"]
    assert hosted[0].options == ("--what-if", "hosting.max_cold_start_seconds=60")
    assert hosted[0].plan.hosting.mode == "serverless"


def test_less_load_is_offered_where_it_is_the_load_that_costs(tmp_path: Path) -> None:
    asked = planner(
        tmp_path,
        constraints={"max_hosting_usd_per_month": 80.0, "max_p95_latency_ms": 1_000.0},
        load={"requests_per_second": 4_000, "mean_requests_per_second": 3_000},
    )
    (less,) = [one for one in checked(asked) if one.moves == "load"]
    options = dict(change.split("=") for change in less.options[1::2])
    assert float(options["load.requests_per_second"]) < 4_000
    assert float(options["load.mean_requests_per_second"]) < 3_000


def test_what_training_cannot_hold_is_not_answered_with_less_load(tmp_path: Path) -> None:
    asked = planner(tmp_path, constraints={"max_training_hours": 0.01})
    assert {one.moves for one in checked(asked)} <= {
        "constraints", "students", "teachers", "regions",
    }  # fmt: skip


def test_a_region_with_another_price_is_offered(tmp_path: Path) -> None:
    asked = planner(tmp_path, gpu(usd=SLOW), constraints={"max_hosting_usd_per_month": 1_000.0})
    where = [one for one in checked(asked) if one.moves == "regions"]
    assert [one.options for one in where] == [("--region", "eu-west-1")]


def test_changes_that_were_asked_for_stay_in_the_command_unless_the_advice_changes_them(
    tmp_path: Path,
) -> None:
    asked = planner(tmp_path)
    changes = ("description=other", "constraints.max_hosting_usd_per_month=10")
    first = checked(asked, changes)[0]
    assert "description=other" in first.command
    assert first.command.count("max_hosting_usd_per_month") == 1


def test_a_mode_that_is_named_may_give_way(tmp_path: Path) -> None:
    rare = {"requests_per_second": 0.5, "mean_requests_per_second": 0.001}
    asked = planner(
        tmp_path,
        constraints={"max_hosting_usd_per_month": 10.0},
        load=rare,
        hosting={"mode": "realtime", "max_cold_start_seconds": 900},
    )
    assert ("--what-if", "hosting.mode=auto") in [one.options for one in checked(asked)]
