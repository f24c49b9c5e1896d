"""A cloud and a run that were saved by the layout of before still work.

`state_of_before/` is what commit cbb61f3 saved after a run of the tiny task, without the packages
of its stack and the models of its spec.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from stratos.cli import endpoint
from stratos.contracts.bucket import RunKeys
from stratos.contracts.measurements import Measurements
from stratos.hosting.deployment import DEPLOYMENT, EndpointDeployment
from stratos.pipeline.steps import Swept
from tests.integration.pipeline.cloud import Cloud, eventually, running_cloud

STATE = Path(__file__).parent / "state_of_before"
RUN = "tiles-e82194d6"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The saved cloud brought up again, with today's template deployed over the one it had."""
    home = tmp_path_factory.mktemp("before")
    shutil.copytree(STATE, home / "saved")
    fill_in(home / "saved")
    with running_cloud(home) as running:
        yield running


def fill_in(saved: Path) -> None:
    """Packages of the former stack: nothing of them runs once the new one is deployed."""
    state = json.loads((saved / "state.json").read_text())
    versions = [
        version
        for bucket in state["buckets"].values()
        for versions in bucket["objects"].values()
        for version in versions
    ]
    content = an_archive()
    for version in [one for one in versions if not (saved / "blobs" / one["blob"]).exists()]:
        version |= {"etag": md5(content).hexdigest(), "checksum_value": None}
        (saved / "blobs" / version["blob"]).write_bytes(content)
    (saved / "state.json").write_text(json.dumps(state))


def an_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("former.py", "")
    return buffer.getvalue()


def test_the_run_is_listed_and_its_summary_is_read(cloud: Cloud) -> None:
    row = cloud.row(RUN)
    assert row is not None
    assert (row.status, row.endpoint_name) == ("succeeded", "stratos-tiles")
    summary = cloud.summary(RUN)
    assert summary.endpoint is not None
    assert summary.endpoint.load is not None
    assert [item.passed for item in summary.measurements] == [True]


def test_the_runs_files_are_read_by_todays_models(cloud: Cloud) -> None:
    keys = RunKeys(RUN)
    deployment = DEPLOYMENT.validate_python(cloud.read_json(keys.deployment))
    assert isinstance(deployment, EndpointDeployment)
    measured = Measurements.model_validate(cloud.read_json(keys.measurements))
    assert measured.last is not None
    assert measured.last.endpoint_config_name == deployment.endpoint_config_name


def test_the_endpoint_answers_with_the_model_that_was_live(cloud: Cloud) -> None:
    row, sagemaker = cloud.row(RUN), cloud.client("sagemaker")
    assert row is not None

    def in_service() -> bool:
        described = sagemaker.describe_endpoint(EndpointName="stratos-tiles")
        assert described["EndpointStatus"] != "Failed", described["FailureReason"]
        return bool(described["EndpointStatus"] == "InService")

    eventually(in_service)
    question = cloud.summary(RUN).examples[0].question
    assert endpoint.invoke(cloud.stack, row, question, 16).text.strip()


def test_the_functions_are_todays_and_leave_the_run_its_endpoint(cloud: Cloud) -> None:
    functions = cloud.client("lambda").list_functions()["Functions"]
    handlers = {item["FunctionName"]: item["Handler"] for item in functions}
    assert handlers["stratos-sweep"] == "lambdas.handlers.sweep.handler"
    answered = cloud.client("lambda").invoke(
        FunctionName="stratos-sweep", Payload=json.dumps({"dry_run": True})
    )
    assert "FunctionError" not in answered
    assert Swept.model_validate_json(answered["Payload"].read()).removed == []


def test_the_rerun_of_its_spec_is_still_scheduled(cloud: Cloud) -> None:
    scheduler = cloud.client("scheduler")
    (schedule,) = scheduler.list_schedules()["Schedules"]
    found = scheduler.get_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
    assert found["ScheduleExpression"] == "rate(7 days)"
    assert json.loads(found["Target"]["Input"])["rerun"]["key"] == "specs/tiles/spec.yaml"


def test_the_endpoint_is_deleted_on_request(cloud: Cloud) -> None:
    row = cloud.row(RUN)
    assert row is not None
    deleted = endpoint.delete(cloud.stack, row).names
    assert {"stratos-tiles", f"stratos-{RUN}-a0"} <= set(deleted)
    assert cloud.billable() == {"jobs": [], "endpoints": []}
