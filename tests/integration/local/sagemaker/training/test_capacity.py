"""What a job starts on where instance types have run out, and what becomes of it where all have."""

import pytest
from botocore.exceptions import ClientError

from infra.local.host.capacity import Capacity
from tests.patience import eventually

A, B, C = "ml.local.cpu1", "ml.local.cpu2", "ml.local.cpu3"


@pytest.fixture
def capacity(cloud):
    found = Capacity(cloud.settings)
    yield found
    found.restore([A, B, C])


def preferring(*types, **more):
    chosen = [{"InstanceType": name, "InstanceCount": 1} for name in types]
    return {"InstancePreferences": chosen, "VolumeSizeInGB": 1, **more}


TELLS = """
import json, os, pathlib
folder = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "input" / "config"
told = json.loads((folder / "resourceconfig.json").read_text())["current_instance_type"]
print("on", told)
"""


def test_a_job_starts_on_the_first_preference_that_is_free(cloud, capacity):
    capacity.exhaust([A], ["training"])
    asked = preferring(A, B, C)
    cloud.create_job("second-choice", TELLS, ResourceConfig=asked)
    job = cloud.finished("second-choice")
    selected = {"SelectedInstanceType": B, "SelectedInstanceCount": 1}
    assert (job["TrainingJobStatus"], job["ResourceConfig"]) == ("Completed", asked | selected)
    assert cloud.log_lines("/aws/sagemaker/TrainingJobs", "second-choice/") == [f"on {B}"]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("none-of-two", preferring(A, B)),
        ("none-of-one", {"InstanceType": A, "InstanceCount": 1, "VolumeSizeInGB": 1}),
    ],
)
def test_without_any_capacity_a_job_fails_in_sagemakers_words(cloud, capacity, name, config):
    capacity.exhaust([A, B], ["training"])
    cloud.create_job(name, "pass\n", ResourceConfig=config)
    job = cloud.finished(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("CapacityError: Unable to provision requested ML")
    assert "TrainingStartTime" not in job
    assert "SelectedInstanceType" not in job["ResourceConfig"]


def spot(longest):
    limits = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": longest}
    return {"EnableManagedSpotTraining": True, "StoppingCondition": limits}


def test_a_spot_job_waits_and_is_stopped_where_none_comes(cloud, capacity):
    capacity.exhaust([A], ["spot"])
    cloud.create_job("spot-never", "pass\n", **spot(60))
    job = cloud.finished("spot-never")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Pending", "MaxWaitTimeExceeded"]
    assert "TrainingStartTime" not in job


def test_a_spot_job_starts_once_its_type_is_free(cloud, capacity):
    capacity.exhaust([A], ["spot"])
    cloud.create_job("spot-late", "pass\n", **spot(1_000_000))
    eventually(lambda: cloud.describe("spot-late"), lambda job: job["SecondaryStatus"] == "Pending")
    capacity.restore([A], ["spot"])
    assert cloud.finished("spot-late")["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ResourceConfig": preferring(A, A)}, "only once"),
        (
            {"ResourceConfig": preferring(*(f"ml.local.cpu{n}" for n in range(1, 7)))},
            "instancePreferences' failed to satisfy constraint: Member must have length less than",
        ),
        ({"ResourceConfig": preferring(A, InstanceType=B)}, "InstanceType are mutually exclusive"),
        ({"ResourceConfig": preferring(A, InstanceCount=1)}, "and not both"),
        ({"ResourceConfig": preferring(A, SelectedInstanceType=A)}, "read-only"),
        ({"ResourceConfig": preferring(A), **spot(60)}, "EnableManagedSpotTraining are mutually"),
        ({"ResourceConfig": {"VolumeSizeInGB": 1}}, "must specify InstanceType"),
        (
            {"ResourceConfig": {"InstancePreferences": [{"InstanceType": A}], "VolumeSizeInGB": 1}},
            "and not both",
        ),
    ],
)
def test_preferences_are_refused_where_the_service_model_says_so(cloud, changes, message):
    with pytest.raises(ClientError, match=message) as caught:
        cloud.create_job("refused", "pass\n", **changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_one_count_may_stand_for_every_preference(cloud):
    asked = {"InstancePreferences": [{"InstanceType": A}], "InstanceCount": 2, "VolumeSizeInGB": 1}
    cloud.create_job("one-count", "pass\n", ResourceConfig=asked)
    job = cloud.finished("one-count")
    assert job["ResourceConfig"]["SelectedInstanceCount"] == 2
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"]
