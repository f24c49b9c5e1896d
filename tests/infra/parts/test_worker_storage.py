"""What a worker region stores, and for how long."""

from __future__ import annotations

from stratos.pipeline.worker_jobs import COPIES_KEPT_DAYS
from tests.infra.resources import of_type, only


def test_everything_in_the_bucket_expires(worker_template) -> None:
    bucket = only(worker_template, "AWS::S3::Bucket")["Properties"]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["copies"]["ExpirationInDays"] == COPIES_KEPT_DAYS
    assert "Prefix" not in rules["copies"]
    assert rules["checkpoints"]["Prefix"] == "checkpoints/"
    assert rules["checkpoints"]["ExpirationInDays"] == 14
    assert all("AbortIncompleteMultipartUpload" in rule for rule in rules.values())
    assert "VersioningConfiguration" not in bucket  # or it would not


def test_the_bucket_is_closed_and_encrypted_by_the_region_s_own_key(worker_template) -> None:
    bucket = only(worker_template, "AWS::S3::Bucket")["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (key,) = of_type(worker_template, "AWS::KMS::Key")
    default = encryption["ServerSideEncryptionByDefault"]
    assert default == {"KMSMasterKeyID": {"Fn::GetAtt": [key, "Arn"]}, "SSEAlgorithm": "aws:kms"}
    policy = only(worker_template, "AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]
    denied = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    assert any(s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for s in denied)


def test_neither_bucket_nor_key_stays_without_the_stack(worker_template) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
        assert only(worker_template, kind)["DeletionPolicy"] == "Delete"
