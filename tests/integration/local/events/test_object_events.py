"""What S3 reports of its objects."""

from __future__ import annotations

import re

import pytest
from event_rules import put_rule
from moto_cloud import Cloud

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def reporting_bucket(cloud: Cloud, name: str, *, versioned: bool) -> str:
    """A bucket that reports to EventBridge; the URL of the queue that hears of it."""
    cloud("s3").create_bucket(Bucket=name)
    if versioned:
        cloud("s3").put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
    cloud("s3").put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url, arn = cloud.create_queue(f"{name}-events")
    put_rule(cloud, name, arn, {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}})
    return url


def test_a_put_reports_the_object_that_was_created(cloud: Cloud) -> None:
    url = reporting_bucket(cloud, "created", versioned=True)
    answer = cloud("s3").put_object(Bucket="created", Key="specs/mah jong+é.json", Body=b"abc")
    event = cloud.receive(url)["Body"]
    described = event["detail"].pop("object")
    assert event["detail-type"] == "Object Created"
    assert event["source"] == "aws.s3"
    assert event["resources"] == ["arn:aws:s3:::created"]
    assert UUID.fullmatch(event["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    assert event["detail"]["reason"] == "PutObject"
    assert re.fullmatch(r"[0-9A-F]{18}", described.pop("sequencer"))
    assert described == {
        "key": "specs/mah jong+é.json",
        "size": 3,
        "etag": answer["ETag"].strip('"'),
        "version-id": answer["VersionId"],
    }
    assert cloud.stays_empty(url)


def test_a_copy_and_a_multipart_upload_report_once_each(cloud: Cloud) -> None:
    url = reporting_bucket(cloud, "copied", versioned=False)
    s3 = cloud("s3")
    upload = s3.create_multipart_upload(Bucket="copied", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="copied", Key="big", UploadId=upload, PartNumber=1, Body=b"12345")
    s3.complete_multipart_upload(
        Bucket="copied",
        Key="big",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    s3.copy_object(Bucket="copied", Key="copy", CopySource={"Bucket": "copied", "Key": "big"})
    details = [cloud.receive(url)["Body"]["detail"] for _ in range(2)]
    details.sort(key=lambda detail: detail["object"]["sequencer"])
    assert [(d["reason"], d["object"]["key"], d["object"]["size"]) for d in details] == [
        ("CompleteMultipartUpload", "big", 5),
        ("CopyObject", "copy", 5),
    ]
    assert all("version-id" not in d["object"] for d in details)
    assert cloud.stays_empty(url)


@pytest.mark.parametrize("batch", [True, False])
def test_a_deletion_reports_its_kind(cloud: Cloud, batch: bool) -> None:
    name = f"deleted-{batch}".lower()
    url = reporting_bucket(cloud, name, versioned=True)
    s3 = cloud("s3")
    version = s3.put_object(Bucket=name, Key="k", Body=b"x")["VersionId"]
    cloud.receive(url)
    kinds = []
    for target in ({}, {"VersionId": version}):
        if batch:
            s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "k", **target}]})
        else:
            s3.delete_object(Bucket=name, Key="k", **target)
        event = cloud.receive(url)["Body"]
        assert event["detail-type"] == "Object Deleted"
        assert event["detail"]["reason"] == "DeleteObject"
        kinds.append((event["detail"]["deletion-type"], event["detail"]["object"]["version-id"]))
    assert kinds[0][0] == "Delete Marker Created"
    assert kinds[0][1] != version
    assert kinds[1] == ("Permanently Deleted", version)


def test_a_deletion_in_an_unversioned_bucket_is_permanent(cloud: Cloud) -> None:
    url = reporting_bucket(cloud, "plain", versioned=False)
    cloud("s3").put_object(Bucket="plain", Key="k", Body=b"x")
    cloud.receive(url)
    cloud("s3").delete_object(Bucket="plain", Key="k")
    detail = cloud.receive(url)["Body"]["detail"]
    assert detail["deletion-type"] == "Permanently Deleted"
    assert "version-id" not in detail["object"]


def test_a_bucket_that_was_not_asked_reports_nothing(cloud: Cloud) -> None:
    cloud("s3").create_bucket(Bucket="quiet")
    quiet, arn = cloud.create_queue("quiet")
    put_rule(cloud, "quiet", arn, {"detail": {"bucket": {"name": ["quiet"]}}})
    url = reporting_bucket(cloud, "loud", versioned=False)
    for bucket in ("quiet", "loud"):
        cloud("s3").put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b")
    cloud.receive(url)
    assert cloud.stays_empty(quiet)
    assert cloud.stays_empty(url)
