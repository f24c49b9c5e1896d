"""Training jobs as the API tells of them: described, listed, tagged, refused."""

import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import BUCKET


def test_a_job_is_described_with_what_it_was_asked_for(completed):
    request, job, _ = completed
    for name in (
        "TrainingJobName",
        "HyperParameters",
        "InputDataConfig",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "Environment",
        "RoleArn",
        "AlgorithmSpecification",
    ):
        assert job[name] == request[name]
    assert job["SecondaryStatus"] == "Completed"
    assert "FailureReason" not in job


def test_a_completed_job_tells_its_transitions_times_and_metrics(completed):
    _, job, _ = completed
    statuses = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(step["StartTime"] <= step["EndTime"] for step in job["SecondaryStatusTransitions"])
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1
    [metric] = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("train:loss", 0.25)


def test_the_model_directory_becomes_the_model_artifact(cloud, completed):
    _, job, _ = completed
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{BUCKET}/output/full-job-0/output/model.tar.gz"
    assert cloud.get_tar(uri) == {"code/serve.txt": "recipe"}


def test_output_of_the_program_is_in_cloudwatch_logs(cloud, completed):
    lines = cloud.log_lines("/aws/sagemaker/TrainingJobs", "full-job-0/algo-1-")
    assert lines == ["loss=0.75", "loss=0.25"]


def test_jobs_are_listed_by_status_and_name(cloud, completed):
    listed = cloud.sagemaker.list_training_jobs(NameContains="full", StatusEquals="Completed")
    [summary] = listed["TrainingJobSummaries"]
    assert summary["TrainingJobName"] == "full-job-0"
    assert summary["TrainingJobStatus"] == "Completed"
    empty = cloud.sagemaker.list_training_jobs(NameContains="full", StatusEquals="InProgress")
    assert empty["TrainingJobSummaries"] == []


def test_tags_of_a_job_can_be_read_and_added(cloud, completed):
    _, job, _ = completed
    arn = job["TrainingJobArn"]
    cloud.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "more", "Value": "1"}])
    tags = cloud.sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"run": "r-1", "more": "1"}


def test_a_name_is_given_to_one_job_only(cloud, completed):
    with pytest.raises(cloud.sagemaker.exceptions.ResourceInUse, match="must be unique"):
        cloud.create_job("full-job-0", "")


def saying(*arguments: str) -> dict:
    return {"TrainingImage": "image", "TrainingInputMode": "File", "ContainerArguments": arguments}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("n" * 64, {}, "length less than or equal to 63"),
        ("under_score", {}, "regular expression pattern"),
        ("ends-", {}, "regular expression pattern"),
        ("long-value", {"HyperParameters": {"config": "v" * 2501}}, "equal to 2500"),
        ("long-command", {"AlgorithmSpecification": saying("x" * 257)}, "equal to 256"),
        (
            "two-lines",
            {"AlgorithmSpecification": saying("a\nb")},
            r"regular expression pattern: \.\*",
        ),
        ("many-words", {"AlgorithmSpecification": saying(*"x" * 101)}, "equal to 100"),
    ],
)
def test_requests_are_refused_as_the_service_refuses_them(cloud, name, changes, message):
    with pytest.raises(ClientError, match=message) as caught:
        cloud.create_job(name, "pass\n", **changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_an_unknown_job_is_not_found(cloud):
    with pytest.raises(ClientError, match="Requested resource not found"):
        cloud.describe("never-created")
