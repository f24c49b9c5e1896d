"""An endpoint whose engine gave up, and the model that it had before."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from types import SimpleNamespace

from endpoint_models import SERVER, create_config, describe, invoke, settled
from sagemaker_cloud import running_cloud

from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from infra.local.sagemaker.scalable_targets import ScalableTargets
from lambdas.aws import sagemaker as control_plane
from lambdas.aws import scaling
from lambdas.serving import former_model, leftovers
from stratos.contracts.plan import Server
from stratos.hosting.build import build_deployment
from stratos.hosting.order import LiveEndpoint
from stratos.hosting.ownership import RUN_TAG
from tests import factories
from tests.patience import eventually

NAME = "stratos-r"
ONCE = f"""
import os, sys
from pathlib import Path

starts = Path(os.environ["SM_MODEL_DIR"], "starts")
if starts.exists():
    sys.exit("no memory left")
starts.write_text("")
{SERVER}"""
"""Starts, and never again."""


def test_a_model_whose_successor_died_in_service_is_put_back(tmp_path, monkeypatch):
    with running_cloud([ScalableTargets(), EndpointProcesses()], tmp_path) as cloud:
        create_config(cloud, "former")
        cloud.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName="former")
        assert settled(cloud, NAME)["EndpointStatus"] == "InService"
        create_config(cloud, "next", program=ONCE)
        cloud.sagemaker.update_endpoint(EndpointName=NAME, EndpointConfigName="next")
        assert settled(cloud, NAME)["EndpointConfigName"] == "next"
        os.kill(invoke(cloud, NAME)["Body"]["pid"], signal.SIGKILL)
        eventually(lambda: describe(cloud, NAME)["EndpointStatus"] == "Failed")

        removed = take_back(cloud, monkeypatch)
        assert (removed.restored, removed.deleted) == (NAME, [])
        described = describe(cloud, NAME)
        assert described["EndpointStatus"] == "InService"
        assert described["EndpointConfigName"] == "former"
        assert invoke(cloud, NAME)["Body"]["answer"] == "former"
        tags = cloud.sagemaker.list_tags(ResourceArn=described["EndpointArn"])["Tags"]
        assert {"Key": RUN_TAG, "Value": "r-former"} in tags
        again = take_back(cloud, monkeypatch)
        assert (again.restored, again.deleted) == (None, [])


def take_back(cloud, monkeypatch):
    """What CleanUp does for the run of `next`, beside the tables and files of both runs."""
    for module in (control_plane, scaling, leftovers):
        monkeypatch.setattr(module, "client", cloud.client)
    stack = SimpleNamespace(stack_name="Stratos")
    monkeypatch.setattr(former_model, "settings", lambda: stack)
    live = LiveEndpoint("realtime", "former")
    server = Server(
        instance_type="ml.local.cpu1",
        count=1,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=0.1,
    )
    order = factories.order(
        factories.spec(name="r"),
        factories.match_evidence(serving=server, p95_latency_ms=100.0),
        live=live,
        now=datetime.now(UTC),
        servers=factories.servers(),
    )
    deployment = build_deployment(order)
    assert deployment.endpoint_name == NAME
    monkeypatch.setattr(leftovers.RunFiles, "find_deployment", lambda _: deployment)
    former = factories.run_row("r-former", endpoint_name=NAME, endpoint_config_name="former")
    removed = leftovers.Removed()
    leftovers._take_back(deployment, {"next": "next"}, former, removed)
    return removed
