"""A spec whose endpoint scales to zero: deployed, asleep, awake, replaced under load, swept."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stratos.cli import endpoint
from stratos.cli.runs import usd_per_month
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.scale_to_zero import refused_for_capacity
from stratos.hosting.modes.table import mode_named
from stratos.moment import written
from tests.integration.pipeline.cloud import ROOT, Cloud, eventually, running_cloud, write_task

pytestmark = pytest.mark.slow

NAME = "stratos-lazy"
HOSTING = {"mode": "scale_to_zero"}
LOAD = {"requests_per_second": 4, "measure_seconds": 2, "active_hours_per_day": 2}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A quarter of an hour of idling is 4.5 s."""
    with running_cloud(tmp_path_factory.mktemp("cloud"), rollout_scale=0.005) as running:
        yield running


@pytest.fixture(scope="module")
def run_id(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = write_task(tmp_path_factory.mktemp("task"), "lazy", hosting=HOSTING, load=LOAD)
    run_id = cloud.submit(folder)
    row = cloud.finish(run_id)
    assert row.status == "succeeded", cloud.summary(run_id).reason
    return run_id


def component(cloud: Cloud) -> dict[str, Any]:
    described: dict[str, Any] = cloud.stack.sagemaker.describe_inference_component(
        InferenceComponentName=NAME
    )
    return described


def asleep(cloud: Cloud) -> bool:
    described = component(cloud)
    copies = described["RuntimeConfig"]["CurrentCopyCount"]
    return copies == 0 and described["InferenceComponentStatus"] == "InService"


def question() -> str:
    rows = (ROOT / "examples/mahjong-waits/dataset.jsonl").read_text().splitlines()
    return str(json.loads(rows[0])["prompt"])


class Asking:
    """Asks the endpoint without a pause, and never twice for one answer."""

    def __init__(self, cloud: Cloud) -> None:
        self._connection = Connection(
            endpoint_name=NAME,
            spec_name="",
            bucket="",
            runtime=cloud.client("sagemaker-runtime"),
            s3=None,
            patience_seconds=0.0,
        )
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []

    def __enter__(self) -> Asking:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        body = json.dumps({"messages": [{"role": "user", "content": question()}], "max_tokens": 8})
        while not self._over.is_set():
            try:
                mode_named("scale_to_zero").ask(self._connection, body.encode())
            except Exception as error:
                self.errors.append(str(error))
            else:
                self.counts["answered"] += 1
            self._over.wait(0.2)


def test_a_run_measures_its_component_and_says_what_it_costs(cloud: Cloud, run_id: str):
    summary = cloud.summary(run_id)
    assert summary.endpoint is not None
    assert summary.endpoint.load is not None
    assert summary.endpoint.load.num_failed == 0
    assert run_id in component(cloud)["Specification"]["ModelName"]
    row = cloud.row(run_id)
    assert row is not None
    assert row.live
    hours_a_day = 2 + 0.5  # in use, and idle until the last copy is gone
    whole = summary.endpoint.server.usd_per_hour * 730
    assert usd_per_month(row) == pytest.approx(whole * hours_a_day / 24)


def test_an_idle_component_goes_to_sleep_and_the_command_line_wakes_it(cloud: Cloud, run_id: str):
    eventually(lambda: asleep(cloud))
    eventually(lambda: not cloud.processes("-m serving"))
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ClientError) as refused:
        runtime.invoke_endpoint(EndpointName=NAME, InferenceComponentName=NAME, Body=b"{}")
    assert refused_for_capacity(refused.value)
    row = cloud.row(run_id)
    assert row is not None
    assert "####" in endpoint.invoke(cloud.stack, row, question(), max_tokens=64).text


def test_no_request_fails_while_the_next_model_replaces_it(
    cloud: Cloud, run_id: str, tmp_path: Path
):
    row = cloud.row(run_id)
    assert row is not None
    endpoint.invoke(cloud.stack, row, question(), max_tokens=8)  # it is awake
    folder = write_task(tmp_path, "lazy", hosting=HOSTING, load=LOAD, description="again")
    with Asking(cloud) as asking:
        second = cloud.submit(folder)
        assert cloud.finish(second).status == "succeeded", cloud.summary(second).reason
        since = asking.counts["answered"]
        eventually(lambda: asking.counts["answered"] > since + 4)
    assert asking.errors == []
    assert second in component(cloud)["Specification"]["ModelName"]
    assert cloud.billable()["endpoints"] == [NAME]
    assert [row.run_id for row in map(cloud.row, (run_id, second)) if row and row.live] == [second]


def test_when_its_time_is_over_the_sweeper_leaves_nothing(cloud: Cloud, run_id: str):
    scheduler, sagemaker = cloud.client("scheduler"), cloud.stack.sagemaker
    schedule = scheduler.get_schedule(Name=f"{NAME}-expiry", GroupName="stratos")
    [live] = [row for row in map(cloud.row, _runs(cloud)) if row is not None and row.live]
    assert live.expires_at is not None
    due = json.dumps({"scheduled_at": written(live.expires_at)})
    swept = cloud.client("lambda").invoke(FunctionName=schedule["Target"]["Arn"], Payload=due)
    removed = json.loads(swept["Payload"].read())["removed"]
    assert [item["kind"] for item in removed][:2] == ["inference-component", "endpoint"]
    assert sagemaker.list_inference_components()["InferenceComponents"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []
    assert cloud.billable() == {"jobs": [], "endpoints": []}
    autoscaling = cloud.client("application-autoscaling")
    targets = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")
    assert targets["ScalableTargets"] == []
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix=NAME)
    assert alarms["MetricAlarms"] == []
    eventually(lambda: not cloud.processes("-m serving"))


def _runs(cloud: Cloud) -> list[str]:
    return [str(item["run_id"]) for item in cloud.stack.table.scan()["Items"] if "spec_key" in item]
