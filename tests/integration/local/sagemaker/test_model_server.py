"""A server that dies in service: started again, and given up when it dies each time."""

from __future__ import annotations

import json
import os
import signal

import pytest
from botocore.exceptions import ClientError
from component_models import component, component_cloud, create_component, create_endpoint
from endpoint_models import SERVER, create_config, describe, invoke, settled
from queued_models import QUEUE, ask_queue, create

from infra.local.sagemaker.restarts import MOST
from stratos.errors import EndpointNotFound
from tests.patience import eventually

ONCE = f"""
import os, sys
from pathlib import Path

starts = Path(os.environ["SM_MODEL_DIR"], "starts")
print("start", flush=True)
if starts.exists():
    sys.exit("no memory left")
starts.write_text("")
{SERVER}"""
"""Starts, and never again."""
ONE_REQUEST = SERVER.replace(
    "        body = self.rfile.read(",
    """        if vars(self).setdefault("answered", False):
            self.close_connection = True
            return
        self.answered, self.close_connection = True, False
        body = self.rfile.read(""",
)
"""Leaves a connection open, and closes it without an answer when it is used again."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with component_cloud(tmp_path_factory.mktemp("state"), rollout_scale=0.02) as running:
        yield running


def test_a_connection_that_a_server_leaves_open_is_not_used_again(cloud):
    assert ONE_REQUEST != SERVER
    create(cloud, "once", program=ONE_REQUEST)
    for _ in range(3):
        assert invoke(cloud, "once")["Body"]["answer"] == "once"
        runtime = cloud.client("sagemaker-runtime")
        streamed = runtime.invoke_endpoint_with_response_stream(EndpointName="once", Body=b"stream")
        parts = [event["PayloadPart"]["Bytes"] for event in streamed["Body"]]
        assert b"".join(parts) == b"one two three"


def kill(report):
    os.kill(report["pid"], signal.SIGKILL)


def answered(cloud, name):
    """The answer, or None where SageMaker says that the container failed."""
    runtime = cloud.client("sagemaker-runtime")
    try:
        answer = runtime.invoke_endpoint(EndpointName=name, Body=b"{}")
    except runtime.exceptions.ModelError:
        return None
    return json.loads(answer["Body"].read())


def test_an_endpoint_whose_server_is_killed_answers_again_and_stays_in_service(cloud):
    create(cloud, "killed")
    before = invoke(cloud, "killed")["Body"]
    kill(before)
    after = eventually(lambda: answered(cloud, "killed"))
    assert after["pid"] != before["pid"]
    assert after["answer"] == "killed"
    assert describe(cloud, "killed")["EndpointStatus"] == "InService"


def test_an_endpoint_whose_server_dies_each_time_is_failed_and_holds_its_last_lines(cloud):
    create(cloud, "dying", program=ONCE)
    kill(invoke(cloud, "dying")["Body"])
    described = eventually(
        lambda: describe(cloud, "dying"), lambda seen: seen["EndpointStatus"] == "Failed"
    )
    assert f"started again {MOST} times" in described["FailureReason"]
    assert described["FailureReason"].endswith("no memory left")
    lines = eventually(
        lambda: cloud.log_lines("/aws/sagemaker/Endpoints/dying", "main/"),
        lambda seen: seen.count("no memory left") == MOST,
    )
    assert lines.count("start") == 1 + MOST
    with pytest.raises(ClientError, match="not found"):
        invoke(cloud, "dying")
    with pytest.raises(ClientError, match="in status Failed"):
        cloud.sagemaker.update_endpoint(EndpointName="dying", EndpointConfigName="dying")
    cloud.sagemaker.delete_endpoint(EndpointName="dying")


def test_an_update_whose_server_dies_while_it_takes_over_is_rolled_back(cloud):
    for name, program in (("stays", SERVER), ("goes", ONCE)):
        create_config(cloud, name, program=program, InitialInstanceCount=2)
    cloud.sagemaker.create_endpoint(EndpointName="stays", EndpointConfigName="stays")
    settled(cloud, "stays")
    routing = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 3600,  # 72 s here, which the roll-back does not wait for
    }
    cloud.client("sagemaker", parameter_validation=False).update_endpoint(
        EndpointName="stays",
        EndpointConfigName="goes",
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
    )
    kill(eventually(lambda: answered(cloud, "stays"), lambda seen: seen["answer"] == "goes"))
    described = settled(cloud, "stays")
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == "stays"
    assert described["FailureReason"].endswith("no memory left")
    assert invoke(cloud, "stays")["Body"]["answer"] == "stays"


def test_a_component_whose_server_dies_each_time_is_failed(cloud):
    create_endpoint(cloud, "hosts")
    create_config(cloud, "component-dies", program=ONCE)
    create_component(cloud, "hosts", "component-dies")
    eventually(
        lambda: component(cloud, "hosts"),
        lambda seen: seen["InferenceComponentStatus"] == "InService",
    )
    kill(invoke(cloud, "hosts", InferenceComponentName="hosts")["Body"])
    failed = eventually(
        lambda: component(cloud, "hosts"),
        lambda seen: seen["InferenceComponentStatus"] == "Failed",
    )
    assert failed["FailureReason"].endswith("no memory left")
    assert failed["RuntimeConfig"]["CurrentCopyCount"] == 0


def test_requests_in_a_queue_fail_once_their_server_is_given_up(cloud):
    create(cloud, "queue-dies", program=ONCE, queue=QUEUE)
    first = ask_queue(cloud, "queue-dies", b"{}")
    assert b"queue-dies" in first
    kill(json.loads(first))
    eventually(
        lambda: describe(cloud, "queue-dies"), lambda seen: seen["EndpointStatus"] == "Failed"
    )
    with pytest.raises(EndpointNotFound, match="is not in service"):
        ask_queue(cloud, "queue-dies", b"{}")
