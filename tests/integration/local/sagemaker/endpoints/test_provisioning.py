"""What an endpoint gets where instance types have run out, and what becomes of it."""

import threading

import pytest
from botocore.exceptions import ClientError
from endpoint_models import create_config, describe, invoke, settled

from infra.local.host.capacity import Capacity
from tests.patience import eventually

A, B = "ml.local.cpu1", "ml.local.cpu2"


@pytest.fixture
def capacity(cloud):
    found = Capacity(cloud.settings)
    yield found
    found.restore([A, B])


def create(cloud, name, *pools, **more):
    """An endpoint with a pool for each (type, priority, model)."""
    listed = [
        {
            "InstanceType": kind,
            "Priority": priority,
            **({"ModelNameOverride": model} if model else {}),
        }
        for kind, priority, model in pools
    ]
    create_config(cloud, name, InstanceType=None, InstancePools=listed, **more)
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def serving(described):
    [variant] = described["ProductionVariants"]
    return {pool["InstanceType"]: pool["CurrentInstanceCount"] for pool in variant["InstancePools"]}


def test_an_endpoint_gets_the_best_pool_that_is_free_with_its_own_model(cloud, capacity):
    create_config(cloud, "of-pool")
    capacity.exhaust([A], ["hosting"])
    create(cloud, "second-pool", (B, 2, "of-pool"), (A, 1, None))
    described = settled(cloud, "second-pool")
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")
    assert serving(described) == {A: 0, B: 1}
    report = invoke(cloud, "second-pool")["Body"]
    assert report["answer"] == "of-pool"
    assert report["environment"]["OMP_NUM_THREADS"] == str(cloud.settings.threads_of(B))
    capacity.restore([A])
    create(cloud, "first-pool", (B, 2, "of-pool"), (A, 1, None))
    described = settled(cloud, "first-pool")
    assert (serving(described), invoke(cloud, "first-pool")["Body"]["answer"]) == (
        {A: 1, B: 0},
        "first-pool",
    )


def test_without_any_instances_an_endpoint_fails_in_sagemakers_words(cloud, capacity):
    capacity.exhaust([A, B], ["hosting"])
    create(cloud, "no-pool", (A, 1, None), (B, 2, None))
    described = settled(cloud, "no-pool")
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"].endswith("due to InsufficientInstanceCapacity error.")


def test_an_update_that_finds_no_instances_leaves_the_endpoint_as_it_was(cloud, capacity):
    create(cloud, "kept", (A, 1, None))
    settled(cloud, "kept")
    capacity.exhaust([A], ["hosting"])
    create_config(cloud, "wanted")
    cloud.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="wanted")
    described = settled(cloud, "kept")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "kept")
    assert "InsufficientInstanceCapacity" in described["FailureReason"]
    assert invoke(cloud, "kept")["Body"]["answer"] == "kept"


def test_instances_are_waited_for_as_long_as_the_variant_says(cloud, capacity):
    capacity.exhaust([A], ["hosting"])
    create(cloud, "patient", (A, 1, None), VariantInstanceProvisionTimeoutInSeconds=3600)
    assert describe(cloud, "patient")["EndpointStatus"] == "Creating"
    capacity.restore([A], ["hosting"])
    assert settled(cloud, "patient")["EndpointStatus"] == "InService"


def test_the_wait_of_an_endpoint_for_instances_ends_as_it_is_deleted(cloud, capacity):
    """And what is free later starts nothing. By itself it would end later than patience here."""

    def waits():
        return "provisioning-unwanted" in {thread.name for thread in threading.enumerate()}

    capacity.exhaust([A], ["hosting"])
    create(cloud, "unwanted", (A, 1, None), VariantInstanceProvisionTimeoutInSeconds=3600)
    assert waits()
    cloud.sagemaker.delete_endpoint(EndpointName="unwanted")
    eventually(lambda: not waits())
    capacity.restore([A], ["hosting"])
    assert not waits()
    assert cloud.sagemaker.list_endpoints(NameContains="unwanted")["Endpoints"] == []
    assert not (cloud.settings.state_dir / "endpoints" / "unwanted").exists()


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"InstancePools": [{"InstanceType": A, "Priority": 6}]}, "value less than or equal to 5"),
        ({"InstancePools": []}, "length greater than or equal to 1"),
        (
            {"InstancePools": [{"InstanceType": A, "Priority": 1}] * 6},
            "length less than or equal to 5",
        ),
        ({"VariantInstanceProvisionTimeoutInSeconds": 60}, "value greater than or equal to 300"),
        (
            {"InstancePools": [{"InstanceType": A, "Priority": 1}], "InstanceType": A},
            "both InstancePools and InstanceType",
        ),
    ],
)
def test_pools_are_refused_where_the_service_model_says_so(cloud, request, variant, message):
    kind = (
        {}
        if "InstanceType" in variant or "InstancePools" not in variant
        else {"InstanceType": None}
    )
    with pytest.raises(ClientError, match=message):
        create_config(cloud, f"refused-{abs(hash(request.node.name))}", **kind, **variant)
