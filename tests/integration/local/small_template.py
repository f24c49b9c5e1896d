"""A template with a policy of each kind, and its statements as they are once deployed."""

from __future__ import annotations

import json
from typing import Any

from infra.local.iam.documents import Statement, parse

ACCOUNT = "123456789012"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/Stratos-JobRole1-abc"
QUEUE_ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:Stratos-Letters1-abc"
FUNCTION_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:stratos-sweep"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd"


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(service: str) -> dict[str, Any]:
    return document(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    )


def of_bucket(path: str) -> dict[str, Any]:
    return {"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket1", "Arn"]}, path]]}


def letter_from(rule: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Principal": {"Service": "events.amazonaws.com"},
        "Resource": {"Fn::GetAtt": ["Letters1", "Arn"]},
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}},
    }


ROOT = ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"]]
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Key1": {
            "Type": "AWS::KMS::Key",
            "Properties": {
                "KeyPolicy": document(
                    {
                        "Effect": "Allow",
                        "Action": "kms:*",
                        "Principal": {"AWS": {"Fn::Join": ROOT}},
                        "Resource": "*",
                    }
                )
            },
        },
        "Bucket1": {"Type": "AWS::S3::Bucket"},
        "Letters1": {"Type": "AWS::SQS::Queue"},
        "RuleA": {"Type": "AWS::Events::Rule"},
        "RuleB": {"Type": "AWS::Events::Rule"},
        "LettersPolicy1": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Letters1"}],
                "PolicyDocument": document(letter_from("RuleA"), letter_from("RuleB")),
            },
        },
        "JobRole1": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")},
        },
        "SweepRole1": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")},
        },
        "JobPolicy1": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyDocument": document(
                    {
                        "Effect": "Allow",
                        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                        "Resource": [of_bucket("/specs/*"), of_bucket("/runs/*")],
                    },
                    {"Effect": "Allow", "Action": "s3:PutObject", "Resource": of_bucket("/runs/*")},
                    {
                        "Effect": "Allow",
                        "Action": "kms:Decrypt",
                        "Resource": {"Fn::GetAtt": ["Key1", "Arn"]},
                    },
                )
            },
        },
        "Sweep1": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"FunctionName": "stratos-sweep"},
        },
        "AllowRule1": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Fn::GetAtt": ["Sweep1", "Arn"]},
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": ["RuleA", "Arn"]},
            },
        },
    }
}


def deployed(source: str, policy: str) -> tuple[Statement, ...]:
    """Statements of a policy of the template as the embedded cloud has them."""
    properties = TEMPLATE["Resources"][policy]["Properties"]
    keys = ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument")
    (found,) = (properties[key] for key in keys if key in properties)
    return parse(json.loads(json.dumps(_resolved(found))), source)


def _resolved(value: Any) -> Any:
    arns = {"Bucket1": "arn:aws:s3:::stratos-bucket1-abc", "Letters1": QUEUE_ARN, "Key1": KEY_ARN}
    match value:
        case {"Fn::Join": [separator, parts]}:
            return separator.join(_resolved(part) for part in parts)
        case {"Fn::GetAtt": [name, _]}:
            return arns.get(name, f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{name}")
        case {"Ref": name}:
            return {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT}[name]
        case dict():
            return {key: _resolved(item) for key, item in value.items()}
        case list():
            return [_resolved(item) for item in value]
    return value
