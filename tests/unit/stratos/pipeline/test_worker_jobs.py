"""Messages between regions."""

import json

import pytest
from pydantic import ValidationError

from stratos.pipeline.region_endpoints import GiveUpInput
from stratos.pipeline.steps import TrainingJob
from stratos.pipeline.worker_jobs import Home, WatchInput, WorkerJob
from tests import factories


def _job() -> TrainingJob:
    return TrainingJob(
        step="distill-a0",
        name="r-1-distill-a0-0",
        attempt=0,
        image_uri="image",
        hyper_parameters={},
        input_data_config=[],
        output_data_config={},
        resource_config={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
        stopping_condition={},
        checkpoint_config={},
        environment={},
        spot=False,
        usd_per_hour=1.0,
        result_uri="s3://bucket/runs/r-1/jobs/distill-a0/result.json",
        region="eu-west-1",
    )


def test_a_job_survives_the_way_to_another_region() -> None:
    home = Home(region="us-east-1", bucket="bucket", kms_key_arn="key", task_token="token")
    sent = WorkerJob(run=factories.run_ref(), job=_job(), home=home)
    assert WorkerJob.model_validate_json(sent.model_dump_json()) == sent


def test_what_a_later_release_says_more_is_passed_over_in_its_parts_too() -> None:
    home = Home(region="us-east-1", bucket="bucket", kms_key_arn="key", task_token="token")
    sent = WorkerJob(run=factories.run_ref(), job=_job(), home=home)
    told = {part: of | {"later": 1} for part, of in sent.model_dump(mode="json").items()}
    told["later"] = {}
    assert WorkerJob.model_validate(told) == sent
    assert WorkerJob.model_validate_json(json.dumps(told)) == sent
    assert WatchInput.model_validate({"worker": told, "later": 1}).worker == sent
    event = {"detail": {"input": json.dumps(told)}}
    assert GiveUpInput.model_validate({"event": event}).asked == sent


def test_what_stays_in_a_region_is_read_strictly() -> None:
    with pytest.raises(ValidationError, match="later"):
        TrainingJob.model_validate(_job().model_dump(mode="json") | {"later": 1})


def test_a_job_of_an_older_execution_runs_at_home() -> None:
    older = _job().model_dump(mode="json")
    del older["region"]
    assert TrainingJob.model_validate(older).region == ""
