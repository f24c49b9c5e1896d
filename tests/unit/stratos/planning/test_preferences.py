"""Which servers one training job may ask for together."""

from __future__ import annotations

from typing import Any

from botocore.session import get_session

from stratos.catalog.servers import ServerCatalog
from stratos.contracts.plan import Server
from stratos.planning.preferences import MOST, on_demand, preferences


def server(name: str, **fields: Any) -> Server:
    known: dict[str, Any] = {
        "instance_type": name,
        "count": 1,
        "region": "us-east-1",
        "purchase": "on_demand",
        "usd_per_hour": 1.0,
    }
    return Server.model_validate(known | fields)


FIRST = server("ml.g5.xlarge")


def types(found: tuple[Server, ...]) -> list[str]:
    return [one.instance_type for one in found]


def test_servers_of_one_image_stand_together_in_their_order() -> None:
    others = [server("ml.m5.xlarge"), server("ml.g6.xlarge"), server("ml.g4dn.xlarge")]
    assert types(preferences(FIRST, others)) == ["ml.g5.xlarge", "ml.g6.xlarge", "ml.g4dn.xlarge"]


def test_servers_with_a_disk_of_their_own_stand_apart_from_those_with_a_volume() -> None:
    own, volume = server("ml.g5.xlarge"), server("ml.p3.2xlarge")
    assert types(preferences(own, [volume, server("ml.g6.xlarge")])) == [
        "ml.g5.xlarge",
        "ml.g6.xlarge",
    ]
    assert types(preferences(volume, [own, server("ml.p3.8xlarge")])) == [
        "ml.p3.2xlarge",
        "ml.p3.8xlarge",
    ]


def test_other_regions_spot_and_a_type_named_before_are_left_out() -> None:
    others = [
        server("ml.g6.xlarge", region="eu-west-1"),
        server("ml.g6.xlarge", purchase="spot"),
        server("ml.g5.xlarge", usd_per_hour=2.0),
        server("ml.inf2.xlarge"),
    ]
    assert preferences(FIRST, others) == (FIRST,)


def test_spot_stands_alone_until_it_is_on_demand() -> None:
    spot = server("ml.g5.xlarge", purchase="spot")
    others = [server("ml.g6.xlarge")]
    assert preferences(spot, others) == (spot,)
    assert types(preferences(on_demand(spot), others)) == ["ml.g5.xlarge", "ml.g6.xlarge"]


def test_no_more_than_sagemaker_takes_are_asked_for() -> None:
    others = [server(f"ml.g5.{size}xlarge") for size in (2, 4, 8, 12, 16)]
    shapes = get_session().get_service_model("sagemaker")
    assert shapes.shape_for("InstancePreferenceList").metadata["max"] == MOST
    assert len(preferences(FIRST, others)) == MOST


def test_every_training_server_of_the_catalog_is_a_type_that_sagemaker_names() -> None:
    named = set(get_session().get_service_model("sagemaker").shape_for("TrainingInstanceType").enum)
    trained_on = {r.instance_type for r in ServerCatalog.aws().instance_types if r.training}
    assert trained_on <= named, sorted(trained_on - named)
