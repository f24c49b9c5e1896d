"""SageMaker's answers, as they are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lambdas.aws import sagemaker, transform_jobs
from lambdas.aws.clients import client
from tests.unit.lambdas.conftest import Account


def test_no_access_to_a_model_means_that_there_is_none_of_this_run(account: Account) -> None:
    with Stubber(client("sagemaker")) as stubber:
        stubber.add_client_error("delete_model", "AccessDeniedException")
        assert not sagemaker.delete_model("gone")


def test_a_denied_look_at_an_endpoint_says_nothing_about_it(account: Account) -> None:
    with Stubber(client("sagemaker")) as stubber:
        stubber.add_client_error("describe_endpoint", "AccessDeniedException")
        with pytest.raises(ClientError, match="AccessDenied"):
            sagemaker.find_endpoint("stratos-tiles")


@pytest.mark.parametrize(
    ("stop", "operation"),
    [
        (sagemaker.stop_job, "stop_training_job"),
        (transform_jobs.stop, "stop_transform_job"),
    ],
)
def test_a_job_that_ends_as_it_is_to_be_stopped_holds_nothing_up(
    account: Account, stop: Callable[[str], None], operation: str
) -> None:
    words = "The request was rejected because the job is in status Completed."
    with Stubber(client("sagemaker")) as stubber:
        stubber.add_client_error(operation, "ValidationException", words)
        stop("ended")
        stubber.add_client_error(operation, "ThrottlingException", "slow down")
        with pytest.raises(ClientError, match="slow down"):
            stop("throttled")
