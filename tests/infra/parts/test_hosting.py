"""What models in service may do."""

from __future__ import annotations

import json

import pytest

from stratos.catalog.images import images
from tests.infra.policies import actions, listed, statements


@pytest.mark.parametrize("role", ["TrainingJobsRole", "EndpointsRole", "BatchesRole"])
def test_containers_reach_neither_the_table_nor_the_control_plane(template, role):
    # A job hands its batch role to Bedrock, and nothing else to anyone; of SageMaker it reaches
    # MLflow alone, by calls that log a training.
    logged = {
        "sagemaker:CallMlflowAppApi",
        "sagemaker-mlflow:CreateExperiment",
        "sagemaker-mlflow:CreateRun",
        "sagemaker-mlflow:LogBatch",
        "sagemaker-mlflow:SearchExperiments",
        "sagemaker-mlflow:SearchRuns",
        "sagemaker-mlflow:UpdateRun",
    }
    reached = {a.split(":")[0] for a in actions(template, role) - {"iam:PassRole"} - logged}
    in_vpc = {"ec2"}  # the interfaces by which SageMaker puts a container into it
    own = {"bedrock", "cloudwatch", "ecr", "kms", "logs", "s3", "secretsmanager"}
    assert reached <= own | in_vpc


def test_a_model_in_service_cannot_write(template):
    assert "s3:PutObject" not in actions(template, "EndpointsRole")


def test_a_model_behind_a_queue_writes_its_answers_and_nothing_else(template):
    writes = [s for s in statements(template, "QueueRole") if "s3:PutObject" in listed(s["Action"])]
    (statement,) = writes
    keys = [arn["Fn::Join"][1][-1] for arn in listed(statement["Resource"])]
    assert keys == ["/async/*/answers/*", "/async/*/failures/*"]
    assert "secretsmanager:GetSecretValue" not in actions(template, "EndpointsRole")


def test_a_model_that_is_asked_in_batches_writes_answers_and_nothing_else(template):
    writes = [s for s in statements(template, "BatchesRole") if "s3:PutObject" in s["Action"]]
    (statement,) = writes
    (arn,) = listed(statement["Resource"])
    assert arn["Fn::Join"][1][-1] == "/runs/*/batches/*/answers/*"


def test_containers_may_pull_every_image_the_catalog_names(template):
    allowed = {
        "TrainingJobsRole": {"training"},
        "EndpointsRole": {"llama_cpp", "llm"},
        "EndpointsQueueRole": {"llama_cpp", "llm"},
        "BatchesRole": {"llama_cpp", "llm"},
    }
    for role, kinds in allowed.items():
        text = json.dumps(
            [s for s in statements(template, role) if "ecr:BatchGetImage" in listed(s["Action"])]
        )
        for image in images().images:
            if image.kind in kinds:
                assert f'repository/{image.image.partition(":")[0]}"' in text
