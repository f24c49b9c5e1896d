"""Which mode a real model gets, where the plan and the endpoint in service may disagree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stratos.errors import DeploymentFailed
from stratos.hosting.build import build_deployment
from stratos.hosting.choice import choose_hosting
from stratos.hosting.container import serving_container
from stratos.hosting.order import LiveEndpoint
from stratos.units import MIB
from tests import factories
from tests.unit.stratos.hosting.batch_jobs import server
from tests.unit.stratos.hosting.deployments import RARE, deployment, hosted


def test_a_planned_mode_that_fits_is_deployed_with_what_the_others_would_cost():
    others = ("serverless $3.00 a month (a cold start of about 59 s)", "async $15.21 a month")
    built = hosted(load=RARE, instead_of=others)
    assert built.hosting.mode == "realtime"
    assert (
        built.hosting.reason == f"realtime $146.00 a month; planned instead of {', '.join(others)}"
    )
    assert built.usd_per_hour == pytest.approx(0.2)


IMPOSSIBLE = pytest.mark.parametrize(
    ("options", "obstacle"),
    [
        ({"instance_type": "ml.g5.xlarge"}, "no GPU"),
        ({"memory_gib": 6.0}, "6 GB of memory at most"),
        ({"load": {"requests_per_second": 400}}, "exceed its limit of 200"),
    ],
)


@IMPOSSIBLE
def test_a_named_mode_that_turns_out_impossible_is_refused(options, obstacle):
    with pytest.raises(DeploymentFailed, match=f"hosting.mode is serverless, but .*{obstacle}"):
        hosted(hosting={"mode": "serverless"}, **options)


@IMPOSSIBLE
def test_a_planned_mode_that_turns_out_impossible_gives_way_and_says_so(options, obstacle):
    tolerant = {"max_cold_start_seconds": 300}
    built = hosted(planned="serverless", hosting=tolerant, **options)
    assert built.hosting.mode == "realtime"
    assert built.hosting.reason.startswith("planned as serverless, but ")
    assert obstacle in built.hosting.reason
    assert built.hosting.reason.endswith("realtime $146.00 a month")
    assert "ServerlessConfig" not in built.production_variant


def test_an_artifact_too_slow_to_start_gives_up_what_scales_to_zero():
    tolerant = {"max_cold_start_seconds": 20}
    built = hosted(planned="serverless", load=RARE, hosting=tolerant)
    assert built.hosting.mode == "realtime"
    assert "a cold start of about 44 s, over max_cold_start_seconds 20" in built.hosting.reason
    small = hosted(planned="serverless", load=RARE, hosting=tolerant, artifact_bytes=MIB)
    assert small.hosting.mode == "serverless"


def test_no_mode_takes_the_place_of_the_planned_one_above_the_limit_on_hosting():
    limits = {"max_hosting_usd_per_month": 100}
    with pytest.raises(DeploymentFailed, match=r"realtime \$146.00 a month, over max_hosting"):
        deployment(planned="serverless", constraints=limits, memory_gib=6.0, load=RARE)


SERVERLESS = {"ProductionVariants": [{"CurrentServerlessConfig": {"MaxConcurrency": 1}}]}


def test_an_endpoint_in_service_keeps_its_kind():
    kept = hosted(live=SERVERLESS, planned="serverless")
    assert kept.hosting.mode == "serverless"
    assert "stays so" in kept.hosting.reason
    with pytest.raises(DeploymentFailed, match=r"is serverless and keeps its kind, but .*no GPU"):
        hosted(live=SERVERLESS, instance_type="ml.g5.xlarge")  # which could not be rolled back
    with pytest.raises(DeploymentFailed, match="keeps its kind"):
        hosted(live={}, hosting={"mode": "async"})


def test_an_endpoint_that_came_since_the_plan_was_made_gives_the_mode_and_the_reason():
    tolerant = {"max_cold_start_seconds": 900}
    built = hosted(live={}, planned="async", load=RARE, hosting=tolerant)
    assert built.hosting.mode == "realtime"
    assert built.hosting.reason.startswith("planned as async; the endpoint in service is realtime")


def test_an_endpoint_that_went_since_the_plan_was_made_binds_no_more():
    built = hosted(planned="async", load=RARE)  # planned so only because it was in service
    assert built.hosting.mode == "realtime"
    assert built.hosting.reason.startswith("planned as async, but a cold start of about 329 s")


def test_batches_are_refused_while_an_endpoint_of_the_spec_is_in_service() -> None:
    spec = factories.spec(hosting={"mode": "batch"}, constraints={})
    order = factories.order(spec, factories.match_evidence(server(), 400.0, "batch"))
    container = serving_container(
        order.plan, spec.name, order.artifact.uri, artifact_bytes=1000, servers=order.servers
    )
    _, choice = choose_hosting(order, container)
    assert choice.mode == "batch"
    with pytest.raises(DeploymentFailed, match="stratos delete"):
        choose_hosting(replace(order, live=LiveEndpoint("realtime", "before")), container)


def test_a_model_planned_serverless_has_the_slots_of_a_server_where_it_gets_one() -> None:
    evidence = factories.match_evidence(
        server(), 400.0, "serverless", (), factories.engine(slots=1)
    )
    several = factories.engine(slots=8, memory_gib=2.0)
    plan = evidence.plan.model_copy(update={"instance_engine": several})
    matching = evidence.matching.model_copy(update={"plan": plan})
    planned = evidence.model_copy(update={"matching": matching})
    for tolerated, engine in ((0.5, several), (300, factories.engine(slots=1))):
        spec = factories.spec(hosting={"max_cold_start_seconds": tolerated}, load=RARE)
        built = build_deployment(factories.order(spec, planned))
        assert built.engine == engine
        told = built.container["Environment"]["SM_LLAMA_CPP_PARALLEL"]
        assert told == str(engine.slots)
