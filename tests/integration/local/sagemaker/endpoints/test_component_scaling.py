"""Components that go to no copy when idle, and come back when asked."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from component_models import answer, component_cloud, copies, create, promote, settled_component

from stratos.errors import EndpointNotFound
from stratos.hosting.scaling import remove_scaling
from tests.patience import eventually


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with component_cloud(tmp_path_factory.mktemp("state")) as running:
        yield running


def test_a_promoted_component_goes_to_none_when_idle_and_a_refused_request_wakes_it(
    cloud, monkeypatch
):
    create(cloud, "sleepy")
    scaling = promote(cloud, "sleepy", monkeypatch)
    assert scaling.target["MinCapacity"] == 0
    eventually(lambda: copies(cloud, "sleepy"), lambda count: count == 0)
    with pytest.raises(ClientError, match=r"ValidationError.*has no capacity"):
        cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName="sleepy", InferenceComponentName="sleepy", Body=b"{}"
        )
    told = []
    assert answer(cloud, "sleepy", tell=told.append) == "sleepy-a"
    assert ["scaled to zero and refused" in line for line in told] == [True]
    assert copies(cloud, "sleepy") == 1


def test_without_its_wake_alarm_a_component_stays_at_none(cloud, monkeypatch):
    create(cloud, "deaf")
    promote(cloud, "deaf", monkeypatch)
    eventually(lambda: copies(cloud, "deaf"), lambda count: count == 0)
    remove_scaling(
        cloud.client("application-autoscaling"), cloud.client("cloudwatch"), "deaf", "main"
    )
    with pytest.raises(EndpointNotFound, match="no instance was in service within 1 s"):
        answer(cloud, "deaf", patience_seconds=1.0)
    cloud.sagemaker.update_inference_component_runtime_config(
        InferenceComponentName="deaf", DesiredRuntimeConfig={"CopyCount": 1}
    )
    assert settled_component(cloud, "deaf")["RuntimeConfig"]["CurrentCopyCount"] == 1
    assert answer(cloud, "deaf") == "deaf-a"
