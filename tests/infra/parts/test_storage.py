"""What outlives a run is safe, and the rest expires."""

from __future__ import annotations

from pathlib import Path

from stratos.contracts.bucket import ASYNC_DAYS, RunKeys, async_folder
from tests.infra.resources import only

DOCS = Path(__file__).parents[3] / "docs"


def test_the_bucket_is_versioned_encrypted_closed_and_tells_eventbridge(template):
    bucket = only(template, "AWS::S3::Bucket")
    properties = bucket["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    assert bucket["DeletionPolicy"] == "Retain"


def test_what_a_queue_was_asked_and_answered_goes_after_the_documented_days(template):
    rules = only(template, "AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (r for r in rules if async_folder("tiles").startswith(r["Prefix"]))
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", ASYNC_DAYS)
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    for page in ("operations", "hosting"):
        text = (DOCS / f"{page}.md").read_text()
        assert f"after {ASYNC_DAYS} days" in text


def test_the_key_rotates_and_stays(template):
    key = only(template, "AWS::KMS::Key")
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "Retain"


def test_runs_are_found_by_id_by_execution_and_by_spec(template):
    table = only(template, "AWS::DynamoDB::Table")["Properties"]
    keys = {"": table["KeySchema"]} | {
        index["IndexName"]: index["KeySchema"] for index in table["GlobalSecondaryIndexes"]
    }
    named = {name: [key["AttributeName"] for key in schema] for name, schema in keys.items()}
    assert named == {
        "": ["run_id"],
        "by_execution": ["execution_arn"],
        "by_spec": ["spec_key", "started_at"],
    }
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_checkpoints_and_queues_expire_and_nothing_else_does(template):
    rules = only(template, "AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {r["Prefix"]: r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r}
    assert expiring == {"checkpoints/": 14, "async/": ASYNC_DAYS}
    assert RunKeys("r").checkpoints("distill-a0").startswith("checkpoints/r/")


def test_the_key_of_the_log_groups_lets_cloudwatch_logs_use_it(template):
    encrypted = [
        resource
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup" and "KmsKeyId" in resource["Properties"]
    ]
    assert encrypted
    (key,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::KMS::Key")
    statements = key["Properties"]["KeyPolicy"]["Statement"]
    assert any("logs." in str(s["Principal"]) and "Condition" in s for s in statements)
