"""The states of home that bring a model into service in several regions at once."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from infra.parts.functions import ELSEWHERE_HANDLERS
from infra.states.definition_reader import State, caught_by, definition_of, next_states, states_of
from lambdas.handlers.watch_endpoint import MOST_LOOKS
from stratos.contracts.served import DRAIN_SECONDS
from stratos.pipeline.region_endpoints import (
    LONGEST_STAGING_SECONDS,
    MARGIN_SECONDS,
    PREPARED_SECONDS,
    STAGED_SECONDS,
    HandOverEndpointInput,
    JudgeRegionsInput,
    MeasureRegionInput,
    PromotedRegions,
    PromoteRegionsInput,
    RetireInput,
    StagedFleet,
    StageInput,
    WatchEndpointInput,
)
from stratos.pipeline.steps import CleanUpInput, Promoted
from stratos.pipeline.worker_jobs import HEARTBEAT_SECONDS
from tests.infra.conftest import HOME
from tests.infra.ways import reaches

INPUTS: dict[str, type[BaseModel]] = {
    "StageRegions": StageInput,
    "HandOverEndpoint": HandOverEndpointInput,
    "WatchEndpoint": WatchEndpointInput,
    "MeasureRegion": MeasureRegionInput,
    "JudgeRegions": JudgeRegionsInput,
    "PromoteRegions": PromoteRegionsInput,
    "RetireFormer": RetireInput,
}


@pytest.fixture(scope="module")
def states(home_of_regions: dict[str, Any]) -> dict[str, State]:
    return dict(states_of(definition_of(home_of_regions)))


def test_every_payload_has_the_fields_that_its_handler_reads(states) -> None:
    for name, model in INPUTS.items():
        parameters = states[name]["Parameters"]
        given = parameters.get("Payload", parameters)
        fields = {field.removesuffix(".$") for field in given}
        needed = {field for field, info in model.model_fields.items() if info.is_required()}
        assert needed <= fields <= set(model.model_fields), name


def test_a_model_goes_its_way_into_every_region(states) -> None:
    assert "StageRegions" in next_states(states["IsBatch"])
    way = ["StageRegions"]
    while len(following := next_states(states[way[-1]])) == 1:
        way += following
    assert way == ["StageRegions", "StageEverywhere", "JudgeRegions", "IsEveryRegionGood"]
    assert next_states(states["IsEveryRegionGood"]) == [
        *("PromoteRegions", "TakeServersBack", "TakeRegionsBack", "RegionMissed")
    ]
    assert states["StageEverywhere"]["ItemsPath"] == "$.staged.endpoints"
    assert "endpoints" in StagedFleet.model_fields


def test_servers_that_missed_are_taken_back_before_others_are_staged(states) -> None:
    others = states["IsEveryRegionGood"]["Choices"][1]
    assert "$.measured.deployment" in str(others)
    assert others["Next"] == "TakeServersBack"
    back = states["TakeServersBack"]
    given = {field.removesuffix(".$") for field in back["Parameters"]}
    assert given == {"run", "servers_missed"} <= set(CleanUpInput.model_fields)
    assert next_states(back) == ["StageRegions"]
    assert caught_by(back)["States.ALL"] == "CleanUp"


def test_home_s_own_endpoint_is_made_here_and_any_other_handed_over(states) -> None:
    [here] = states["IsStagedHere"]["Choices"]
    assert (here["Variable"], here["StringEquals"]) == ("$.staged.region", HOME)
    assert here["Next"] == "BeginStaging"
    assert states["IsStagedHere"]["Default"] == "HandOverEndpoint"
    away = states["HandOverEndpoint"]
    assert away["TimeoutSeconds"] == LONGEST_STAGING_SECONDS
    assert away["HeartbeatSeconds"] == HEARTBEAT_SECONDS


def test_whatever_fails_before_the_model_is_in_service_is_cleaned_up(states) -> None:
    for name in ("StageRegions", "StageEverywhere", "JudgeRegions", "PromoteRegions"):
        assert caught_by(states[name])["States.ALL"] == "CleanUp", name
    assert reaches(states, "RegionMissed", {"Failed"})


def test_what_was_in_service_is_drained_whichever_way_the_model_came(states) -> None:
    for name in ("Promote", "PromoteRegions"):
        assert next_states(states[name]) == ["IsFormerDrained"]
    for model in (Promoted, PromotedRegions):
        assert {"drain_seconds", "former"} <= set(model.model_fields)
    assert next_states(states["DrainFormer"]) == ["RetireFormer"]
    assert next_states(states["RetireFormer"]) == ["Report"]
    assert caught_by(states["RetireFormer"]) == {"States.ALL": "Report"}


def test_a_lease_is_longer_than_home_may_take() -> None:
    seconds = {one.module: one.timeout_seconds for one in ELSEWHERE_HANDLERS}
    looking = sum(min(2 + look, 60) for look in range(MOST_LOOKS))
    assert looking + seconds["measure_region"] < LONGEST_STAGING_SECONDS
    attempts = 2  # of a function that died, or ran out of time
    promoting = attempts * (seconds["promote_regions"] + 60)
    assert LONGEST_STAGING_SECONDS + promoting + MARGIN_SECONDS < STAGED_SECONDS
    assert promoting + MARGIN_SECONDS < PREPARED_SECONDS
    sweeping = 900
    assert sweeping < MARGIN_SECONDS
    assert DRAIN_SECONDS < MARGIN_SECONDS
