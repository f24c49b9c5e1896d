"""What outlives a run is safe, and the rest expires."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from infra.parts.storage import DataStores, Retention
from stratos.contracts.bucket import ASYNC_DAYS, RECORDS_TAG, RunKeys, async_folder
from tests.infra.resources import only

DOCS = Path(__file__).parents[3] / "docs"
PRIVACY = (DOCS / "privacy.md").read_text()


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


def rules_of(template) -> dict[str, dict[str, Any]]:
    """Lifecycle rules by their id."""
    bucket = only(template, "AWS::S3::Bucket")["Properties"]
    return {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}


def test_checkpoints_queues_and_records_expire_and_nothing_else_does(template):
    rules = rules_of(template)
    days = {name: r["ExpirationInDays"] for name, r in rules.items() if "ExpirationInDays" in r}
    assert days == {"checkpoints": 14, "queues": ASYNC_DAYS, "records": 365}
    assert RunKeys("r").checkpoints("distill-a0").startswith(rules["checkpoints"]["Prefix"])
    tag, value = RECORDS_TAG
    assert rules["records"]["TagFilters"] == [{"Key": tag, "Value": value}]
    assert RunKeys("r").dataset.startswith(rules["records"]["Prefix"])


def test_no_overwritten_or_deleted_version_stays_for_ever(template):
    rules = rules_of(template).values()
    ends = {
        rule["Prefix"]: rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in rules
        if "NoncurrentVersionExpiration" in rule
    }
    assert ends == {"runs/": 7, "specs/": 7, "catalog/": 7, "checkpoints/": 1, "async/": 1}


@pytest.mark.parametrize(
    ("rule", "row"),
    [
        ("records", "`runs/RUN/dataset/`"),
        ("checkpoints", "`checkpoints/RUN/`"),
        ("queues", "`async/NAME/`"),
        ("overwritten", "`runs/RUN/` |"),
        ("uploads", "`specs/NAME/`"),
        ("catalog", "`catalog/`"),
    ],
)
def test_the_page_on_privacy_says_for_how_long(template, rule, row):
    (line,) = (one for one in PRIVACY.splitlines() if one.startswith(f"| {row}"))
    found = rules_of(template)[rule]
    if "ExpirationInDays" in found:
        assert f"{found['ExpirationInDays']} days" in line
    if "NoncurrentVersionExpiration" in found:
        days = found["NoncurrentVersionExpiration"]["NoncurrentDays"]
        assert f"overwritten or deleted {days} day{'s' * (days > 1)} more" in line


def test_the_page_on_privacy_says_for_how_long_logs_are_kept(template):
    groups = [r for r in template["Resources"].values() if r["Type"] == "AWS::Logs::LogGroup"]
    (days,) = {group["Properties"]["RetentionInDays"] for group in groups}
    (line,) = (one for one in PRIVACY.splitlines() if one.startswith("| logs of functions"))
    assert f"| {days} days |" in line


def test_every_setting_of_retention_is_on_the_page_with_its_default():
    context = json.loads((DOCS.parent / "cdk.json").read_text())["context"]
    settings = {name.removeprefix("stratos:"): value for name, value in context.items()}
    kept = {name: value for name, value in settings.items() if name.endswith("_retention_days")}
    assert len(kept) == 5
    for name, days in kept.items():
        assert f"`{name}` {days}" in PRIVACY


def made_with(**days: int) -> dict[str, dict[str, Any]]:
    """Lifecycle rules of a bucket with these days."""
    defaults = {"record_days": 365, "upload_days": 0, "checkpoint_days": 14, "version_days": 7}
    stack = Stack(App(), "Stratos")
    DataStores(stack, "Storage", retention=Retention(**(defaults | days)))
    return rules_of(Template.from_stack(stack).to_json())


def test_uploads_may_expire_and_records_may_stay():
    rules = made_with(upload_days=400, record_days=0)
    assert rules["uploads"]["ExpirationInDays"] == 400
    assert "records" not in rules


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ({"record_days": 7}, "record_retention_days is 7; give at least 30, or 0 to keep them"),
        ({"upload_days": 29}, "upload_retention_days is 29; give at least 30, or 0"),
        ({"checkpoint_days": 0}, "checkpoint_retention_days is 0; give at least 7"),
        ({"version_days": 0}, "version_retention_days is 0; give at least 1"),
    ],
)
def test_a_time_in_which_a_run_would_lose_what_it_needs_is_refused(days, told):
    with pytest.raises(ValueError, match=told):
        made_with(**days)


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
