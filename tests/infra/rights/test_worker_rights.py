"""What a worker region's functions may do, there and at home."""

from __future__ import annotations

import json

import pytest

from infra.parts.functions import WORKER_HANDLERS
from tests.infra.conftest import HOME
from tests.infra.policies import ACCOUNT, actions, allows, listed, resolved, statements
from tests.infra.resources import of_type

ID = ACCOUNT["AWS::AccountId"]
ROLES = {item.module: f"Functions{item.id}Role" for item in WORKER_HANDLERS}
CARRIERS = ("fetch_inputs", "watch_job", "bring_home")
HOME_BUCKET = "arn:aws:s3:::stratos-storagebucket19db2ff8-abcdefghijkl"


def test_home_s_bucket_is_called_as_the_statements_have_it(template) -> None:
    """CloudFormation makes a name of stack, logical id and an id of its own, in small letters."""
    (logical_id,) = of_type(template, "AWS::S3::Bucket")
    assert f"stratos-{logical_id}".lower().startswith("stratos-storagebucket")
    (alias,) = of_type(template, "AWS::KMS::Alias").values()
    assert alias["AliasName"] == "alias/stratos"


@pytest.mark.parametrize("module", CARRIERS)
def test_a_bucket_of_another_account_that_is_called_so_is_out_of_reach(worker_template, module):
    for statement in statements(worker_template, ROLES[module]):
        if "storagebucket" in json.dumps(statement["Resource"]):
            account = {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}
            assert statement["Condition"] == {"StringEquals": account}


@pytest.mark.parametrize("module", CARRIERS)
def test_home_s_key_is_used_by_its_alias_in_its_region(worker_template, module):
    found = [
        statement
        for statement in statements(worker_template, ROLES[module])
        if "kms:Decrypt" in listed(statement["Action"]) and "Condition" in statement
    ]
    (statement,) = found
    assert resolved(statement["Resource"]) == f"arn:aws:kms:{HOME}:{ID}:key/*"
    (tested,) = statement["Condition"]["ForAnyValue:StringEquals"].items()
    assert tested == ("kms:ResourceAliases", "alias/stratos")


def test_the_worker_writes_home_what_a_job_made_and_no_spec(worker_template) -> None:
    written = ("runs/r-1/models/m/output/model.tar.gz", "checkpoints/r-1/distill-a0/s/w.bin")
    for key in written:
        assert allows(worker_template, ROLES["bring_home"], "s3:PutObject", f"{HOME_BUCKET}/{key}")
    for module, role in ROLES.items():
        for key in ("specs/s/spec.yaml", "catalog/servers.json"):
            assert not allows(worker_template, role, "s3:PutObject", f"{HOME_BUCKET}/{key}"), module


def test_who_only_watches_writes_checkpoints_and_what_a_job_says_of_itself(worker_template):
    role = ROLES["watch_job"]
    for key, may in {
        "checkpoints/r-1/distill-a0/s/w.bin": True,
        "runs/r-1/jobs/distill-a0/progress.json": True,
        "runs/r-1/elsewhere/j.json": True,
        "runs/r-1/models/m/output/model.tar.gz": False,
        "runs/r-1/jobs/distill-a0/result.json": False,
    }.items():
        there = f"{HOME_BUCKET}/{key}"
        assert allows(worker_template, role, "s3:PutObject", there) is may, key


def test_the_code_of_jobs_is_copied_by_the_version_that_its_bucket_keeps(worker_template) -> None:
    """The bucket of a bootstrapped region keeps versions, and a copy names the one that it is of:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    bucket = f"arn:aws:s3:::cdk-hnb659fds-assets-{ID}-{HOME}"
    for action in ("GetObject", "GetObjectVersion", "GetObjectTagging", "GetObjectVersionTagging"):
        for key, may in {f"{'0a' * 32}.gz": True, f"{'0a' * 32}.json": False}.items():
            code = f"{bucket}/{key}"
            found = allows(worker_template, ROLES["fetch_inputs"], f"s3:{action}", code)
            assert found is may, (action, key)


def test_only_copies_in_the_worker_s_own_bucket_are_ever_deleted(worker_template) -> None:
    deleting = [s for s in statements(worker_template) if "s3:DeleteObject" in listed(s["Action"])]
    (bucket,) = of_type(worker_template, "AWS::S3::Bucket")
    reached = {resolved(item) for statement in deleting for item in listed(statement["Resource"])}
    assert reached == {f"<{bucket}>/{prefix}/*" for prefix in ("specs", "runs")}
    assert not {a for a in actions(worker_template) if a.startswith("s3:DeleteObjectV")}


def test_tokens_of_home_s_machine_are_answered_and_of_no_other(worker_template) -> None:
    answered = {}
    for module, role in ROLES.items():
        for statement in statements(worker_template, role):
            told = [a for a in listed(statement["Action"]) if a.startswith("states:SendTask")]
            if told:
                machine = f"arn:aws:states:{HOME}:{ID}:stateMachine:stratos"
                # The second are those of the items of a Distributed Map.
                found = {resolved(item) for item in listed(statement["Resource"])}
                assert found == {machine, f"{machine}/*"}
                answered[module] = {a.removeprefix("states:SendTask") for a in told}
    assert answered == {
        "fetch_inputs": {"Heartbeat"},
        "watch_job": {"Heartbeat"},
        "bring_home": {"Success", "Failure", "Heartbeat"},
        "give_up": {"Failure"},
        "fetch_model": {"Heartbeat"},
        "watch_endpoint": {"Heartbeat"},
        "measure_region": {"Success"},
    }


def test_a_job_runs_with_the_worker_s_data_and_home_s_secrets(worker_template) -> None:
    role = "TrainingJobsRole"
    secret = f"arn:aws:secretsmanager:{{}}:{ID}:secret:stratos/key-a1b2c3"
    may = {r: secret.format(r) for r in (HOME, "eu-west-1")}
    assert allows(worker_template, role, "secretsmanager:GetSecretValue", may[HOME])
    assert not allows(worker_template, role, "secretsmanager:GetSecretValue", may["eu-west-1"])
    assert not allows(worker_template, role, "s3:GetObject", f"{HOME_BUCKET}/runs/r-1/spec.json")


def test_the_state_machine_calls_exactly_the_functions_of_its_states(worker_template) -> None:
    (invoke,) = (
        s
        for s in statements(worker_template, "WorkflowRole")
        if listed(s["Action"]) == ["lambda:InvokeFunction"]
    )
    called = {item["Fn::GetAtt"][0] for item in listed(invoke["Resource"])}
    states = {item.id for item in WORKER_HANDLERS} - {"SweepRegion"}
    assert {name[len("Functions") : -8] for name in called} == states
