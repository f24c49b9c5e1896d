"""What training jobs may do."""

from __future__ import annotations

import json

from tests.infra.policies import actions, listed, statements


def test_a_job_may_run_a_bedrock_batch_under_a_role_that_reads_and_writes_runs_alone(template):
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
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            told = resource["Properties"]["Environment"]["Variables"]["BEDROCK_ROLE_ARN"]
            assert told == {"Fn::GetAtt": [batch_role, "Arn"]}
