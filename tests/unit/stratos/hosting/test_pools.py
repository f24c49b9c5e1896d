"""Instance pools: what an endpoint may get, and the price of what it got."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import get_session

from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Plan
from stratos.hosting.build import build_deployment
from stratos.hosting.deployment import EndpointDeployment
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.hosting.next_server import stand_ins
from stratos.hosting.pools import (
    MOST,
    PROVISION_SECONDS,
    in_service,
    models_of,
    without_capacity,
)
from tests import factories
from tests.unit.stratos.hosting.deployments import server_of
from tests.unit.stratos.hosting.fronts import matched, on

TYPES = ("ml.c7i.xlarge", "ml.c7i.2xlarge", "ml.m7i.xlarge")


def planned(name: str, count: int = 1, slots: int = 4, **changes: Any) -> Plan:
    """A plan that serves by llama.cpp on instances of a type."""
    engine = factories.engine("float16").model_copy(update={"slots": slots})
    server = server_of(name, count)
    return on(name, 400.0).model_copy(
        update={"id": f"plan-{name}", "serving": server, "engine": engine} | changes
    )


def deployed(*stand_in: Plan, own: Plan | None = None, **sections: Any) -> EndpointDeployment:
    own = own or planned(TYPES[0])
    evidence = factories.match_evidence(own.serving, 400.0, "realtime", served_by=own.engine)
    order = factories.order(factories.spec(**sections), evidence, stand_ins=stand_in)
    built = build_deployment(order)
    assert isinstance(built, EndpointDeployment)
    return built


def described(**counts: int) -> dict[str, Any]:
    pools = [
        {"InstanceType": TYPES[int(number)], "CurrentInstanceCount": count}
        for number, count in ((name.removeprefix("of"), count) for name, count in counts.items())
    ]
    return {"ProductionVariants": [{"VariantName": "main", "InstancePools": pools}]}


def test_each_stand_in_is_a_pool_with_a_model_of_its_own_where_it_needs_one() -> None:
    alike, other = planned(TYPES[1]), planned(TYPES[2], slots=9)
    built = deployed(alike, other)
    variant = built.production_variant
    own = built.model_name
    assert variant["InstancePools"] == [
        {"InstanceType": TYPES[0], "Priority": 1},
        {"InstanceType": TYPES[1], "Priority": 2},
        {"InstanceType": TYPES[2], "Priority": 3, "ModelNameOverride": f"{own}-p3"},
    ]
    assert "InstanceType" not in variant
    assert variant["VariantInstanceProvisionTimeoutInSeconds"] == PROVISION_SECONDS
    [model] = built.more_models
    assert model.container["Environment"]["SM_LLAMA_CPP_PARALLEL"] == "9"
    assert model.container["ModelDataUrl"] == built.container["ModelDataUrl"]
    assert built.model_names == models_of(variant) == (own, f"{own}-p3")


def test_one_kind_of_instance_is_asked_for_without_pools() -> None:
    built = deployed()
    assert built.production_variant["InstanceType"] == TYPES[0]
    assert "InstancePools" not in built.production_variant
    assert (built.pools, built.more_models, built.model_names) == ((), (), (built.model_name,))


def test_gpus_do_not_stand_in_for_cpus_which_boot_another_image() -> None:
    gpu = planned("ml.g5.xlarge", engine=factories.engine("bfloat16", "vllm"))
    assert deployed(gpu).pools == ()


def test_there_are_no_more_pools_than_sagemaker_takes() -> None:
    others = [planned(f"ml.c7i.{size}xlarge") for size in (2, 4, 8, 12, 16)]
    shapes = get_session().get_service_model("sagemaker")
    assert shapes.shape_for("InstancePoolList").metadata["max"] == MOST
    timeout = shapes.shape_for("VariantInstanceProvisionTimeoutInSeconds").metadata
    assert timeout["min"] <= PROVISION_SECONDS <= timeout["max"]
    assert len(deployed(*others).pools) == MOST


def test_what_serves_is_what_sagemaker_tells_of_and_so_is_its_price() -> None:
    dearer = planned(TYPES[1], slots=9)
    dearer = dearer.model_copy(
        update={"serving": dearer.serving.model_copy(update={"usd_per_hour": 0.5})}
    )
    built = deployed(dearer)
    served = in_service(built, described(of0=0, of1=1))
    assert served.instance_type == TYPES[1]
    assert served.billed_usd_per_hour == 0.5
    assert served.usd_per_hour * HOURS_PER_MONTH == pytest.approx(dearer.usd_per_month.value)
    assert served.engine == dearer.engine
    assert served.container == built.more_models[0].container
    assert served.model_names == built.model_names
    assert without_capacity(served) == (TYPES[0],)
    first = in_service(built, described(of0=1, of1=0))
    assert (first.billed_usd_per_hour, without_capacity(first)) == (0.2, ())


def test_instances_of_several_pools_are_billed_one_by_one() -> None:
    own = planned(TYPES[0], count=2)
    other = planned(TYPES[1], count=2)
    other = other.model_copy(
        update={"serving": other.serving.model_copy(update={"usd_per_hour": 1.0})}
    )
    served = in_service(deployed(other, own=own), described(of0=1, of1=1))
    assert served.instance_type == TYPES[1]  # the one asked for last
    assert served.billed_usd_per_hour == pytest.approx(0.2 + 0.5)
    assert served.pool_in_service is not None
    assert served.pool_in_service.server.count == 2
    assert without_capacity(served) == ()


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ({"of0": 1, "of1": 0, "of2": 2}, (TYPES[1],)),
        ({"of0": 0, "of1": 2, "of2": 1}, (TYPES[0],)),
        ({"of0": 2, "of1": 1, "of2": 0}, ()),
    ],
)
def test_only_types_of_which_there_is_none_had_no_capacity(
    counts: dict[str, int], missing: tuple[str, ...]
) -> None:
    own, *others = (planned(name, count=3) for name in TYPES)
    served = in_service(deployed(*others, own=own), described(**counts))
    assert without_capacity(served) == missing
    before = served.model_copy(update={"types_in_service": ()})
    assert before.instance_type not in without_capacity(before)


def test_an_endpoint_that_tells_of_no_pools_serves_as_it_was_planned() -> None:
    built = deployed(planned(TYPES[1]))
    assert in_service(built, described()) == built
    assert without_capacity(built) == ()


def choices(evidence: MatchEvidence, **more: Any) -> list[str]:
    given: dict[str, Any] = {"precisions": frozenset({"float16"}), "without": ()} | more
    found = stand_ins(evidence, evidence.plan, given["precisions"], given["without"])
    return [plan.serving.instance_type for plan in found]


def test_a_stand_in_serves_the_same_model_in_the_same_way() -> None:
    own = planned(TYPES[0])
    elsewhere = own.serving.model_copy(update={"region": "eu-west-1", "instance_type": "ml.r"})
    hosted = own.hosting.model_copy(update={"mode": "async"})
    evidence = matched(
        own,
        planned(TYPES[1]),
        planned(TYPES[2], count=2),
        planned("ml.c7i.4xlarge", student="another"),
        planned("ml.c7i.8xlarge", hosting=hosted),
        planned("ml.c7i.12xlarge", serving=elsewhere),
        planned("ml.c7i.16xlarge", engine=factories.engine("q8_0")),
        planned("ml.c7i.24xlarge"),
    )
    assert choices(evidence) == [TYPES[1], "ml.c7i.24xlarge"]
    both = frozenset({"float16", "q8_0"})
    assert choices(evidence, precisions=both) == [TYPES[1], "ml.c7i.16xlarge", "ml.c7i.24xlarge"]
    assert choices(evidence, without={TYPES[1]}) == ["ml.c7i.24xlarge"]
