"""Buckets and tables, as a template describes them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends
from moto_cloud import Cloud
from stacks import Stack, ref

from infra.local.host.settings import ACCOUNT_ID


def notifies_event_bridge(bucket: str) -> bool:
    """Read from moto's backend: its API leaves this part of the configuration out."""
    configuration = s3_backends[ACCOUNT_ID]["aws"].buckets[bucket].notification_configuration
    return configuration is not None and configuration.event_bridge is not None


def test_a_bucket_gets_every_property_the_api_has_for_it(cloud: Cloud, stack: Stack) -> None:
    properties = {
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "scratch",
                    "Status": "Enabled",
                    "Prefix": "tmp/",
                    "ExpirationInDays": 7,
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "Tags": [{"Key": "team", "Value": "stratos"}],
    }
    resources = {"Data": {"Type": "AWS::S3::Bucket", "Properties": properties}}
    name = stack.create(resources, Name=ref("Data"))["Name"]
    s3 = cloud("s3")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert notifies_event_bridge(name)
    rule = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]
    assert (rule["ID"], rule["Filter"], rule["Expiration"]) == (
        "scratch",
        {"Prefix": "tmp/"},
        {"Days": 7},
    )
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"][
        "BlockPublicPolicy"
    ]
    rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    del properties["NotificationConfiguration"]
    assert stack.update(resources, Name=ref("Data"))["Name"] == name
    assert not notifies_event_bridge(name)


def test_a_table_gets_its_expiry_and_backups_and_keeps_its_items(
    cloud: Cloud, stack: Stack
) -> None:
    properties: dict[str, Any] = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
    resources = {"Runs": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}
    name = stack.create(resources, Name=ref("Runs"))["Name"]
    dynamodb = cloud("dynamodb")
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    dynamodb.put_item(TableName=name, Item={"id": {"S": "r"}})

    properties["AttributeDefinitions"].append({"AttributeName": "owner", "AttributeType": "S"})
    properties["GlobalSecondaryIndexes"] = [
        {
            "IndexName": "by-owner",
            "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    assert stack.update(resources, Name=ref("Runs"))["Name"] == name
    indexes = dynamodb.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]
    assert [index["IndexName"] for index in indexes] == ["by-owner"]
    assert dynamodb.scan(TableName=name)["Count"] == 1

    properties["KeySchema"] = [{"AttributeName": "other", "KeyType": "HASH"}]
    properties["AttributeDefinitions"].append({"AttributeName": "other", "AttributeType": "S"})
    with pytest.raises(ClientError, match="KeySchema would replace it and lose"):
        stack.update(resources)
    assert dynamodb.scan(TableName=name)["Count"] == 1
