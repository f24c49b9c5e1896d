"""What a deployment is given: a synthesized folder with two small stacks, and an account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from infra.local.host.settings import LocalSettings
from infra.local.s3.bucket_policies import BucketPolicies
from stratos.deploying.deployment import Account
from tests.fake_cloudformation import FakeCloudFormation

CODE = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
REGION = "eu-west-1"


@contextmanager
def account_in_moto(cloudformation: FakeCloudFormation) -> Iterator[Account]:
    """A region of moto's account, with a CloudFormation that a test sets."""
    policies = BucketPolicies()  # moto would hold every request to what is for plain HTTP alone
    policies.install(LocalSettings())
    with mock_aws():
        yield Account(
            id="123456789012",
            caller="arn:aws:iam::123456789012:user/me",
            region=REGION,
            cloudformation=cloudformation,
            s3=boto3.client("s3", region_name=REGION),
            sleep=lambda seconds: None,
        )
    policies.close()


def write_folder(folder: Path) -> Path:
    """What `cdk synth` leaves of a home stack and of one worker region's."""
    (folder / "code.zip").write_bytes(b"code")
    artifacts = {
        **_stack(folder, "Stratos-eu-west-1", "stratos-worker", "aws://unknown-account/eu-west-1"),
        **_stack(folder, "Stratos", "Stratos", "aws://unknown-account/unknown-region"),
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def _stack(folder: Path, artifact_id: str, name: str, environment: str) -> dict[str, Any]:
    template = {
        "Parameters": {
            "SubnetIds": {"Type": "CommaDelimitedList", "Default": ""},
            "BootstrapVersion": {
                "Type": "AWS::SSM::Parameter::Value<String>",
                "Default": "/cdk-bootstrap/hnb659fds/version",
            },
        },
        "Rules": {"CheckBootstrapVersion": {"Assertions": []}},
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
            "Work": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Code": {"S3Bucket": {"Fn::Sub": CODE}, "S3Key": "abc.zip"}},
            },
        },
    }
    (folder / f"{artifact_id}.template.json").write_text(json.dumps(template))
    files = {
        "code": ("code.zip", "abc.zip"),
        "template": (f"{artifact_id}.template.json", "def.json"),
    }
    assets = {
        kind: {
            "source": {"path": path, "packaging": "file"},
            "destinations": {"here": {"bucketName": CODE, "objectKey": key}},
        }
        for kind, (path, key) in files.items()
    }
    (folder / f"{artifact_id}.assets.json").write_text(json.dumps({"files": assets}))
    return {
        f"{artifact_id}.assets": {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{artifact_id}.assets.json"},
        },
        artifact_id: {
            "type": "aws:cloudformation:stack",
            "environment": environment,
            "properties": {
                "templateFile": f"{artifact_id}.template.json",
                "stackName": name,
                "tags": {"stratos:stack": "Stratos"},
            },
            "dependencies": [f"{artifact_id}.assets"],
        },
    }
