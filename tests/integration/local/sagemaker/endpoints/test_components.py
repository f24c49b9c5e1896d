"""Inference components: served, updated copy by copy, deleted before their endpoint."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from component_models import (
    answer,
    component,
    component_cloud,
    create,
    create_component,
    create_endpoint,
    settled_component,
    specification,
)
from endpoint_models import DIES, create_config, describe
from sagemaker_cloud import ROLE

from infra.local.sagemaker.endpoints.components import rolling
from stratos.hosting.components import component_guardrails, has_component
from tests.patience import eventually


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with component_cloud(tmp_path_factory.mktemp("state")) as running:
        yield running


def test_a_component_serves_an_endpoint_that_was_made_without_a_model(cloud):
    assert has_component(create(cloud, "first"))
    assert answer(cloud, "first") == "first-a"
    config = cloud.sagemaker.describe_endpoint_config(EndpointConfigName="first")
    assert config["ExecutionRoleArn"] == ROLE
    described = component(cloud, "first")
    assert described["Specification"] == specification("first-a")
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
    listed = cloud.sagemaker.list_inference_components(EndpointNameEquals="first")
    assert [item["InferenceComponentName"] for item in listed["InferenceComponents"]] == ["first"]
    tags = cloud.sagemaker.list_tags(ResourceArn=described["InferenceComponentArn"])["Tags"]
    assert tags == [{"Key": "stratos:run", "Value": "r"}]
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    assert "/aws/sagemaker/InferenceComponents/first" in {g["logGroupName"] for g in groups}


def test_what_is_asked_wrongly_is_refused_in_words(cloud):
    create(cloud, "strict")
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(ClientError, match="Inference Component Name header is required"):
        runtime.invoke_endpoint(EndpointName="strict", Body=b"{}")
    with pytest.raises(ClientError, match=r"Inference Component other .*not found"):
        runtime.invoke_endpoint(EndpointName="strict", InferenceComponentName="other", Body=b"{}")
    with pytest.raises(ClientError, match="already existing"):
        create_component(cloud, "strict", "strict-b")
    with pytest.raises(ClientError, match="Could not find inference component"):
        component(cloud, "nowhere")
    with pytest.raises(ClientError, match="whose model is in an inference component"):
        cloud.sagemaker.update_endpoint(EndpointName="strict", EndpointConfigName="strict")


def test_an_endpoint_is_not_deleted_before_its_component(cloud):
    create(cloud, "last")
    with pytest.raises(ClientError, match=r"hosts inference component last\. Delete that first"):
        cloud.sagemaker.delete_endpoint(EndpointName="last")
    cloud.sagemaker.delete_inference_component(InferenceComponentName="last")
    eventually(
        lambda: cloud.sagemaker.list_inference_components(EndpointNameEquals="last"),
        lambda listed: not listed["InferenceComponents"],
    )
    cloud.sagemaker.delete_endpoint(EndpointName="last")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        describe(cloud, "last")


def test_a_model_that_does_not_start_fails_its_component(cloud):
    create_endpoint(cloud, "dead")
    create_config(cloud, "dead-model", program=DIES)
    create_component(cloud, "dead", "dead-model")
    failed = settled_component(cloud, "dead")
    assert failed["InferenceComponentStatus"] == "Failed"
    assert "no weights in the model directory" in failed["FailureReason"]


def test_no_request_fails_while_a_component_is_updated(cloud):
    create(cloud, "swap")
    guard = component_guardrails(
        "swap", "swap-b", copies=1, startup_seconds=60, max_p95_latency_ms=20_000
    )
    for alarm in guard.alarms:
        cloud.client("cloudwatch").put_metric_alarm(**alarm)
    answers, over = Counter(), threading.Event()

    def ask_on():
        while not over.is_set():
            answers[answer(cloud, "swap", patience_seconds=0.0)] += 1

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(ask_on) for _ in range(3)]
        cloud.sagemaker.update_inference_component(
            InferenceComponentName="swap",
            Specification=specification("swap-b"),
            DeploymentConfig=guard.deployment_config,
        )
        with pytest.raises(ClientError, match="while it is in state Updating"):
            cloud.sagemaker.delete_inference_component(InferenceComponentName="swap")
        settled_component(cloud, "swap")
        seen = answers["swap-b"]
        eventually(lambda: answers["swap-b"], lambda count: count >= seen + 5)
        over.set()
        for future in running:
            future.result()
    assert set(answers) == {"swap-a", "swap-b"}
    described = component(cloud, "swap")
    assert described["Specification"]["ModelName"] == "swap-b"
    assert described["LastDeploymentConfig"] == guard.deployment_config


def test_an_update_to_a_model_that_does_not_start_leaves_the_former_in_service(cloud):
    create(cloud, "steady")
    create_config(cloud, "steady-dead", program=DIES)
    cloud.sagemaker.update_inference_component(
        InferenceComponentName="steady", Specification=specification("steady-dead")
    )
    described = settled_component(cloud, "steady")
    assert described["InferenceComponentStatus"] == "InService"
    assert described["Specification"]["ModelName"] == "steady-a"
    assert "no weights" in described["FailureReason"]
    assert answer(cloud, "steady") == "steady-a"


def test_an_update_names_alarms_that_are_there(cloud):
    create(cloud, "unwatched")
    guard = component_guardrails(
        "unwatched", "x", copies=1, startup_seconds=60, max_p95_latency_ms=None
    )
    with pytest.raises(ClientError, match="Could not find alarm x-errors"):
        cloud.sagemaker.update_inference_component(
            InferenceComponentName="unwatched",
            Specification=specification("unwatched-b"),
            DeploymentConfig=guard.deployment_config,
        )


def test_a_rolling_update_moves_batch_by_batch():
    def of(size, number):
        policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": 300}
        return rolling({"RollingUpdatePolicy": policy}, number, 0.01)

    assert of({"Type": "COPY_COUNT", "Value": 1}, 1).shares == (1.0,)
    assert of({"Type": "COPY_COUNT", "Value": 1}, 4).shares == (0.25, 0.5, 0.75, 1.0)
    assert of({"Type": "CAPACITY_PERCENT", "Value": 50}, 4).shares == (0.5, 1.0)
    assert of({"Type": "COPY_COUNT", "Value": 1}, 4).wait_seconds == pytest.approx(3.0)
    with pytest.raises(Exception, match="at most 50%"):
        of({"Type": "COPY_COUNT", "Value": 3}, 4)
