"""What a pinned plan leaves of models, servers and modes."""

from __future__ import annotations

from stratos.hosting.modes.table import endpoint_modes
from stratos.planning.candidates.pinned import (
    only,
    pinned_modes,
    pinned_serving,
    pinned_training,
)
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.server_table import serving_table, stand_in_table, training_table
from tests.unit.stratos.planning.planning_inputs import (
    CHEAP,
    FAST,
    catalog,
    cpu,
    model,
    request,
    tiny,
)

SERVERS = catalog(CHEAP, FAST, cpu())
HOME = ("us-east-1",)


def test_nothing_is_left_out_where_nothing_is_pinned() -> None:
    table = training_table(SERVERS, HOME)
    cards = (model("a"), model("b"))
    assert pinned_training(table, None) is pinned_serving(table, None) is table
    assert pinned_modes(tuple(endpoint_modes()), None) == tuple(endpoint_modes())
    assert only(cards, None) == cards


def test_one_row_of_each_table_is_left_and_the_reasons_of_the_others() -> None:
    plan = plan_before_probing(request(CHEAP, FAST, cpu())).chosen
    table = training_table(SERVERS, HOME)
    table.rejected["x"] = "why"
    left = pinned_training(table, plan)
    assert [row.server(plan.training.devices) for row in left.rows] == [plan.training]
    assert left.rejected == {"x": "why"}
    (fleet,) = pinned_serving(serving_table(SERVERS, HOME), plan).rows
    assert (fleet.instance.instance_type, fleet.count) == (
        plan.serving.instance_type,
        plan.serving.count,
    )
    assert [mode.name for mode in pinned_modes(tuple(endpoint_modes()), plan)] == ["realtime"]
    assert only((model("a"), model("b")), "b") == (model("b"),)


def test_a_stand_in_is_no_fleet_of_the_same_type() -> None:
    plan = plan_before_probing(
        request(cpu(), teachers=(tiny("teacher"),), students=(tiny(),))
    ).chosen
    stand_in = stand_in_table(catalog(cpu()), HOME)
    assert len(stand_in.rows) == 1
    assert pinned_serving(stand_in, plan).rows == []
