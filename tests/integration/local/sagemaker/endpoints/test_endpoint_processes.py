"""Endpoints as real processes: created, updated without a gap, deleted."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from endpoint_models import CODE_IMAGE, DIES, create_config, describe, invoke, settled
from moto.sagemaker.models import sagemaker_backends
from processes import is_running
from sagemaker_cloud import BUCKET, ROLE, running_cloud

from infra.local.host.settings import ACCOUNT_ID, REGION
from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from tests.patience import eventually


def test_an_endpoint_in_service_is_described_and_listed(cloud, endpoint):
    assert endpoint["EndpointConfigName"] == "first"
    [variant] = endpoint["ProductionVariants"]
    assert variant["VariantName"] == "main"
    assert variant["CurrentWeight"] == 1.0
    assert "FailureReason" not in endpoint
    listed = cloud.sagemaker.list_endpoints(NameContains="live", StatusEquals="InService")
    assert [summary["EndpointName"] for summary in listed["Endpoints"]] == ["live"]


def test_the_server_runs_under_the_container_contract(cloud, endpoint):
    report = invoke(cloud, "live")["Body"]
    environment = report["environment"]
    model = environment["SM_MODEL_DIR"]
    assert report["answer"] == "first"
    assert report["cwd"] == environment["PYTHONPATH"] == f"{model}/code"
    assert environment["WEIGHTS"] == f"{model}/weights"
    assert environment["MAX_TOKENS"] == "64"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "PYTEST_CURRENT_TEST" not in environment


def test_output_of_the_server_is_in_cloudwatch_logs(cloud, endpoint):
    invoke(cloud, "live")
    eventually(
        lambda: cloud.log_lines("/aws/sagemaker/Endpoints/live", "main/"),
        lambda lines: "invoked" in lines,
    )


def test_an_update_answers_every_request_and_stops_the_old_server(cloud):
    create_config(cloud, "before")
    create_config(cloud, "after")
    cloud.sagemaker.create_endpoint(EndpointName="updated", EndpointConfigName="before")
    settled(cloud, "updated")
    old = invoke(cloud, "updated")["Body"]
    answers: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(invoke(cloud, "updated")["Body"]["answer"])

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(invoke, cloud, "updated", b"slow")
        asking = pool.submit(ask)
        cloud.sagemaker.update_endpoint(EndpointName="updated", EndpointConfigName="after")
        with pytest.raises(ClientError, match="in status Updating"):
            cloud.sagemaker.update_endpoint(EndpointName="updated", EndpointConfigName="before")
        assert settled(cloud, "updated")["EndpointConfigName"] == "after"
        eventually(lambda: answers[-1:], lambda last: last == ["after"])
        done.set()
        asking.result()
        assert slow.result()["Body"]["answer"] == "before"
    assert set(answers) <= {"before", "after"}
    assert answers == sorted(answers, reverse=True)
    eventually(lambda: is_running(old["pid"]), lambda alive: not alive)


def test_a_failed_update_leaves_the_old_server_in_service(cloud, endpoint):
    create_config(cloud, "dies", program=DIES)
    cloud.sagemaker.update_endpoint(EndpointName="live", EndpointConfigName="dies")
    described = settled(cloud, "live")
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == "first"
    assert "no weights in the model directory" in described["FailureReason"]
    assert invoke(cloud, "live")["Body"]["answer"] == "first"


def test_an_endpoint_that_is_not_healthy_in_time_fails_with_its_log(cloud):
    never = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"
    create_config(cloud, "never", program=never, ContainerStartupHealthCheckTimeoutInSeconds=60)
    # The least that SageMaker takes, and a minute more than there is to wait for.
    [variant] = sagemaker_backends[ACCOUNT_ID][REGION].endpoint_configs["never"].production_variants
    variant["ContainerStartupHealthCheckTimeoutInSeconds"] = 1
    cloud.sagemaker.create_endpoint(EndpointName="never", EndpointConfigName="never")
    described = settled(cloud, "never")
    assert described["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check in 1 s" in described["FailureReason"]
    assert described["FailureReason"].endswith("loading")
    with pytest.raises(ClientError, match="not found"):
        invoke(cloud, "never")


def test_a_missing_model_artifact_fails_the_endpoint(cloud):
    create_config(cloud, "gone")
    cloud.s3.delete_object(Bucket=BUCKET, Key="models/gone.tar.gz")
    cloud.sagemaker.create_endpoint(EndpointName="gone", EndpointConfigName="gone")
    described = settled(cloud, "gone")
    assert described["EndpointStatus"] == "Failed"
    assert f"s3://{BUCKET}/models/gone.tar.gz" in described["FailureReason"]


def test_deleting_lets_the_request_in_flight_finish_and_ends_the_process(cloud):
    create_config(cloud, "brief")
    cloud.sagemaker.create_endpoint(EndpointName="brief", EndpointConfigName="brief")
    settled(cloud, "brief")
    report = invoke(cloud, "brief")["Body"]
    busy = Path(report["environment"]["SM_MODEL_DIR"], "busy")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(invoke, cloud, "brief", b"slow")
        eventually(busy.exists, bool)
        cloud.sagemaker.delete_endpoint(EndpointName="brief")
        with pytest.raises(ClientError, match="Could not find"):
            describe(cloud, "brief")
        assert slow.result()["Body"]["answer"] == "brief"
    eventually(lambda: is_running(report["pid"]), lambda alive: not alive)
    with pytest.raises(ClientError, match="Could not find"):
        cloud.sagemaker.delete_endpoint(EndpointName="brief")


def test_traffic_follows_the_weights_of_the_variants(cloud):
    create_config(cloud, "blue")
    create_config(cloud, "green")
    variants = [
        {
            "VariantName": name,
            "ModelName": name,
            "InstanceType": "ml.local.cpu1",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": weight,
        }
        for name, weight in (("blue", 1.0), ("green", 0.0))
    ]
    cloud.sagemaker.create_endpoint_config(EndpointConfigName="both", ProductionVariants=variants)
    cloud.sagemaker.create_endpoint(EndpointName="both", EndpointConfigName="both")
    settled(cloud, "both")
    assert {invoke(cloud, "both")["Body"]["answer"] for _ in range(5)} == {"blue"}
    assert invoke(cloud, "both", TargetVariant="green")["Body"]["answer"] == "green"
    cloud.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="both",
        DesiredWeightsAndCapacities=[
            {"VariantName": "blue", "DesiredWeight": 0.0},
            {"VariantName": "green", "DesiredWeight": 1.0},
        ],
    )
    assert {invoke(cloud, "both")["Body"]["answer"] for _ in range(5)} == {"green"}
    described = describe(cloud, "both")["ProductionVariants"]
    assert [variant["CurrentInstanceCount"] for variant in described] == [1, 1]


def test_a_configuration_is_described_with_every_field(cloud, endpoint):
    variants = [
        {
            "VariantName": "v",
            "ModelName": "first",
            "InstanceType": "ml.g5.xlarge",
            "InitialInstanceCount": 2,
            "ContainerStartupHealthCheckTimeoutInSeconds": 300,
            "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0},
        }
    ]
    cloud.sagemaker.create_endpoint_config(
        EndpointConfigName="whole", ProductionVariants=variants, ExecutionRoleArn=ROLE
    )
    described = cloud.sagemaker.describe_endpoint_config(EndpointConfigName="whole")
    assert described["ProductionVariants"] == variants
    assert described["ExecutionRoleArn"] == ROLE


def test_a_taken_name_is_refused_for_models_configurations_and_endpoints(cloud, endpoint):
    client = cloud.sagemaker
    with pytest.raises(ClientError, match="already existing model"):
        client.create_model(ModelName="first", ExecutionRoleArn=ROLE, PrimaryContainer={})
    variant = {"VariantName": "v", "ModelName": "first", "InstanceType": "ml.local.cpu1"}
    with pytest.raises(ClientError, match="already existing endpoint configuration"):
        client.create_endpoint_config(EndpointConfigName="first", ProductionVariants=[variant])
    with pytest.raises(ClientError, match="already existing endpoint"):
        client.create_endpoint(EndpointName="live", EndpointConfigName="first")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        client.create_endpoint(EndpointName="other", EndpointConfigName="none")


def test_a_model_is_deployed_from_its_package(cloud, endpoint):
    uri = cloud.sagemaker.describe_model(ModelName="first")["PrimaryContainer"]["ModelDataUrl"]
    cloud.sagemaker.create_model_package_group(ModelPackageGroupName="deployable")
    package = cloud.sagemaker.create_model_package(
        ModelPackageGroupName="deployable",
        InferenceSpecification={
            "Containers": [{"Image": CODE_IMAGE, "ModelDataUrl": uri}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    cloud.sagemaker.create_model(
        ModelName="packaged",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"ModelPackageName": package},
    )
    variant = {"VariantName": "v", "ModelName": "packaged", "InstanceType": "ml.local.cpu1"}
    cloud.sagemaker.create_endpoint_config(
        EndpointConfigName="packaged", ProductionVariants=[variant | {"InitialInstanceCount": 1}]
    )
    cloud.sagemaker.create_endpoint(EndpointName="packaged", EndpointConfigName="packaged")
    assert settled(cloud, "packaged")["EndpointStatus"] == "InService"
    assert invoke(cloud, "packaged")["Body"]["answer"] == "first"


def test_closing_the_seam_ends_every_server(tmp_path):
    seam = EndpointProcesses()
    with running_cloud([seam], tmp_path) as cloud:
        create_config(cloud, "closing")
        cloud.sagemaker.create_endpoint(EndpointName="closing", EndpointConfigName="closing")
        settled(cloud, "closing")
        pid = invoke(cloud, "closing")["Body"]["pid"]
        create_config(
            cloud, "starting", program="import os, time\nprint(os.getpid())\ntime.sleep(60)\n"
        )
        cloud.sagemaker.create_endpoint(EndpointName="starting", EndpointConfigName="starting")
        [starting] = eventually(
            lambda: [
                line
                for path in tmp_path.glob("endpoints/starting/*/*/output.log")
                for line in path.read_text().splitlines()
            ],
            lambda lines: len(lines) == 1,
        )
        seam.close()
        assert not is_running(pid)
        assert not is_running(int(starting))
        with pytest.raises(ClientError):
            cloud.sagemaker.update_endpoint(EndpointName="closing", EndpointConfigName="closing")


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("isolated", {"EnableNetworkIsolation": True}),
        ("joined", {"VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}),
        ("open", {}),
    ],
)
def test_a_model_is_described_with_the_network_that_it_was_given(cloud, name, network):
    container = {"Image": CODE_IMAGE, "ModelDataUrl": f"s3://{BUCKET}/models/any.tar.gz"}
    cloud.sagemaker.create_model(
        ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE, **network
    )
    described = cloud.sagemaker.describe_model(ModelName=name)
    assert described["EnableNetworkIsolation"] is (name == "isolated")
    assert described.get("VpcConfig") == network.get("VpcConfig")
