"""CDK assemblies written by hand: the files `cdk synth` would leave, for one stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ASSET_BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]},
        }
    ],
}
ROLE: dict[str, Any] = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": TRUST},
}


def template(resources: Mapping[str, Any], **outputs: Any) -> dict[str, Any]:
    """A template as the CDK writes it, with its bootstrap version parameter."""
    return {
        "Parameters": {
            "BootstrapVersion": {
                "Type": "AWS::SSM::Parameter::Value<String>",
                "Default": "/cdk-bootstrap/hnb659fds/version",
            }
        },
        "Resources": {
            **resources,
            "CDKMetadata": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:x"}},
        },
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }


def function(asset: str, **properties: Any) -> dict[str, Any]:
    """A Lambda function resource whose code is a file asset; its role is `Role`."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"S3Bucket": {"Fn::Sub": ASSET_BUCKET}, "S3Key": f"{asset}.zip"},
            "Handler": "app.handler",
            "Runtime": "python3.11",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            **properties,
        },
    }


def write_assembly(
    directory: Path,
    stack: str,
    content: Mapping[str, Any],
    assets: Mapping[str, Mapping[str, str]] | None = None,
    environment: str = "aws://unknown-account/unknown-region",
) -> Path:
    """Write manifest, template and directory assets (asset hash -> file -> text)."""
    directory.mkdir(parents=True, exist_ok=True)
    tree = {"Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}}}
    (directory / "manifest.json").write_text(json.dumps({"artifacts": tree}))
    return add_stack(directory, stack, content, assets, environment)


def add_stack(
    directory: Path,
    stack: str,
    content: Mapping[str, Any],
    assets: Mapping[str, Mapping[str, str]] | None = None,
    environment: str = "aws://unknown-account/unknown-region",
) -> Path:
    """Write another stack into an assembly."""
    region = environment.rpartition("/")[2].replace("unknown-region", "${AWS::Region}")
    files = {}
    for asset, sources in (assets or {}).items():
        root = directory / f"asset.{asset}"
        for name, text in sources.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        files[asset] = {
            "source": {"path": root.name, "packaging": "zip"},
            "destinations": {
                "current": {
                    "bucketName": ASSET_BUCKET.replace("${AWS::Region}", region),
                    "objectKey": f"{asset}.zip",
                }
            },
        }
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["artifacts"] |= {
        f"{stack}.assets": {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{stack}.assets.json"},
        },
        stack: {
            "type": "aws:cloudformation:stack",
            "environment": environment,
            "properties": {
                "templateFile": f"{stack}.template.json",
                "requiresBootstrapStackVersion": 6,
                "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/hnb659fds/version",
            },
            "dependencies": [f"{stack}.assets"],
        },
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    (directory / f"{stack}.template.json").write_text(json.dumps(content))
    (directory / f"{stack}.assets.json").write_text(json.dumps({"files": files}))
    return directory
