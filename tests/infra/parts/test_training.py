"""What training jobs may do."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.infra.policies import actions, allows, listed, resolved, statements


def test_a_job_of_before_may_run_a_bedrock_batch_under_a_role_of_runs_alone(template):
    (passing,) = (
        s for s in statements(template, "TrainingJobsRole") if s["Action"] == "iam:PassRole"
    )
    batch_role = passing["Resource"]["Fn::GetAtt"][0]
    assert passing["Condition"]["StringEquals"]["iam:PassedToService"] == "bedrock.amazonaws.com"
    assert {
        "bedrock:CreateModelInvocationJob",
        "bedrock:GetModelInvocationJob",
        "bedrock:StopModelInvocationJob",
    } <= actions(template, "TrainingJobsRole")
    trusted = template["Resources"][batch_role]["Properties"]["AssumeRolePolicyDocument"]
    (trust,) = trusted["Statement"]
    assert trust["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    reached = {action.split(":")[0] for action in actions(template, batch_role)}
    assert reached == {"bedrock", "kms", "s3"}
    for statement in statements(template, batch_role):
        if "s3:PutObject" in listed(statement["Action"]):
            assert json.dumps(statement["Resource"]).count("/runs/*") == 1


@pytest.fixture
def published(template, synthesize, tmp_path) -> dict[str, str]:
    """Object URI → the file behind it, as `cdk deploy` publishes them."""
    assert synthesize(tmp_path) == template
    manifest = json.loads((tmp_path / "Stratos.assets.json").read_text())
    return {
        resolved({"Fn::Sub": f"s3://{place['bucketName']}/{place['objectKey']}"}): asset["source"][
            "path"
        ]
        for asset in manifest["files"].values()
        for place in asset["destinations"].values()
    }


@pytest.mark.parametrize("variable", ["SOURCE_URI", "PACKAGES_URI"])
def test_a_job_may_read_every_archive_that_its_function_names(template, published, variable):
    functions = [r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    named = {resolved(r["Properties"]["Environment"]["Variables"][variable]) for r in functions}
    (uri,) = named
    assert published[uri].endswith(".tar.gz")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    assert allows(template, "TrainingJobsRole", "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    assert allows(template, "TrainingJobsRole", "s3:ListBucket", f"arn:aws:s3:::{bucket}")


@pytest.mark.parametrize("archive", ["SOURCE", "PACKAGES"])
def test_every_function_names_the_hash_of_the_archive_that_is_published(
    template, published, archive, tmp_path
):
    told = {
        (resolved(variables[f"{archive}_URI"]), variables[f"{archive}_SHA256"])
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
        for variables in [resource["Properties"]["Environment"]["Variables"]]
    }
    ((uri, sha256),) = told
    published_bytes = (tmp_path / published[uri]).read_bytes()
    assert hashlib.sha256(published_bytes).hexdigest() == sha256


def test_a_job_may_read_no_other_object_that_the_cdk_published(template, published):
    read = {
        path.partition(".")[2].partition(".")[2]
        for uri, path in published.items()
        if allows(
            template,
            "TrainingJobsRole",
            "s3:GetObject",
            uri.replace("s3://", "arn:aws:s3:::"),
        )
    }
    assert len(published) > 2
    assert read == {"tar.gz"}
