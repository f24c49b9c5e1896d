from __future__ import annotations

from stratos.planning.candidates.cheapest_region import worth_comparing
from stratos.planning.forecast.server_table import training_table
from stratos.planning.request import PlanningRequest
from tests.unit.stratos.planning.planning_inputs import gpu, request

USD = {"us-east-1": 1.0, "sa-east-1": 0.5, "eu-west-1": 0.6}
HOME = ("us-east-1", "sa-east-1", "eu-west-1")


def asked() -> PlanningRequest:
    return request(gpu(usd=USD), training_regions=HOME)


def test_a_dearer_server_is_kept_only_where_it_is_reached_sooner() -> None:
    found = asked()
    table = training_table(found.servers, HOME)
    kept = {row.region for row in worth_comparing(table, found).rows}
    # sa-east-1 is cheaper by the hour, eu-west-1 by the byte; home is reached at once.
    assert kept == set(HOME)
    dear = asked().model_copy(
        update={"servers": request(gpu(usd=USD | {"eu-west-1": 1.0, "sa-east-1": 1.1})).servers}
    )
    table = training_table(dear.servers, HOME)
    assert [row.region for row in worth_comparing(table, dear).rows] == ["us-east-1", "eu-west-1"]
    unknown = dear.model_copy(update={"training_regions": ()})
    assert [row.region for row in worth_comparing(table, unknown).rows] == ["us-east-1"]
