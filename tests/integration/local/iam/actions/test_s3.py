"""S3: operations under the names by which they are judged, and keys that are not there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from api_requests import api_request
from botocore.exceptions import ClientError
from judged_cloud import allow, client_as, grant, make_key, make_role
from moto_cloud import Cloud

from infra.local.iam.actions import requirements

BUCKET = "arn:aws:s3:::data"
JUDGED_BY = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadBucket": "s3:ListBucket",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "HeadObject": "s3:GetObject",
    "DeleteObject": "s3:DeleteObject",
}


@pytest.mark.parametrize("operation", JUDGED_BY)
def test_an_operation_is_judged_by_its_action(operation: str) -> None:
    request = api_request("s3", operation, {"Bucket": "absent", "Key": "a/b"})
    [found] = requirements(request)
    assert found.action == JUDGED_BY[operation]


def test_a_version_needs_the_right_to_versions() -> None:
    request = api_request("s3", "GetObject", {"Bucket": "b", "Key": "k", "versionId": "1"})
    assert [one.action for one in requirements(request)] == ["s3:GetObjectVersion"]


def test_deleting_many_needs_each_key() -> None:
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>"
    request = api_request("s3", "DeleteObjects", {"Bucket": "b"}, body=body)
    assert [one.resource for one in requirements(request)] == [
        "arn:aws:s3:::b/a",
        "arn:aws:s3:::b/b",
    ]


def test_keys_to_delete_are_read_as_xml_says_them() -> None:
    body = (
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&amp;b&#47;c</Key>'
        b"</Object><Object><Key>d</Key><VersionId>1</VersionId></Object></Delete>"
    )
    request = api_request("s3", "DeleteObjects", {"Bucket": "b"}, body=body)
    assert [(one.action, one.resource) for one in requirements(request)] == [
        ("s3:DeleteObject", "arn:aws:s3:::b/a&b/c"),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::b/d"),
    ]
    unreadable = api_request("s3", "DeleteObjects", {"Bucket": "b"}, body=b"<Delete>")
    with pytest.raises(ValueError, match="is no XML"):
        list(requirements(unreadable))


def test_a_listing_can_be_bound_to_a_prefix(cloud: Cloud) -> None:
    cloud("s3").create_bucket(Bucket="data")
    below = {"s3:prefix": ["specs/*"]}
    role = make_role(cloud, "lister", "lambda", allow("s3:ListBucket", BUCKET, StringLike=below))
    s3 = client_as(cloud, role, "s3")
    s3.list_objects_v2(Bucket="data", Prefix="specs/one")
    with pytest.raises(ClientError, match="s3:ListBucket"):
        s3.list_objects_v2(Bucket="data")


def test_a_copy_needs_its_source_and_its_target(cloud: Cloud) -> None:
    cloud("s3").put_object(Bucket="data", Key="from/a", Body=b"a")
    reading = allow("s3:GetObject", f"{BUCKET}/from/*")
    role = make_role(cloud, "copier", "lambda", reading)
    s3 = client_as(cloud, role, "s3")
    copy = {"Bucket": "data", "Key": "to/a", "CopySource": {"Bucket": "data", "Key": "from/a"}}
    with pytest.raises(ClientError, match="s3:PutObject"):
        s3.copy_object(**copy)
    grant(cloud, "copier", reading, allow("s3:PutObject", f"{BUCKET}/to/*"))
    s3.copy_object(**copy)


def test_a_missing_key_is_told_to_those_only_who_may_list(cloud: Cloud) -> None:
    reading = allow("s3:GetObject", f"{BUCKET}/*")
    role = make_role(cloud, "seeker", "lambda", reading)
    s3 = client_as(cloud, role, "s3")
    with pytest.raises(ClientError, match="s3:ListBucket"):
        s3.get_object(Bucket="data", Key="absent")
    with pytest.raises(ClientError) as head:
        s3.head_object(Bucket="data", Key="absent")
    assert head.value.response["Error"]["Code"] == "403"
    grant(cloud, "seeker", reading, allow("s3:ListBucket", BUCKET))
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="data", Key="absent")
    with pytest.raises(ClientError) as head:
        s3.head_object(Bucket="data", Key="absent")
    assert head.value.response["Error"]["Code"] == "404"


def test_a_large_upload_in_parts_passes(cloud: Cloud) -> None:
    role = make_role(cloud, "uploader", "sagemaker", allow("s3:PutObject", f"{BUCKET}/big"))
    s3 = client_as(cloud, role, "s3")
    upload = s3.create_multipart_upload(Bucket="data", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="data", Key="big", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket="data", Key="big", UploadId=upload, MultipartUpload=parts)
    assert cloud("s3").get_object(Bucket="data", Key="big")["Body"].read() == b"x"


def test_a_copy_between_regions_needs_the_key_of_each(cloud: Cloud) -> None:
    keys = {}
    for region in ("us-east-1", "eu-west-1"):
        place, name = cloud.in_region(region), f"encrypted-{region}"
        keys[region] = make_key(place)
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        place("s3").create_bucket(Bucket=name, **({} if region == "us-east-1" else where))
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": keys[region]}
        place("s3").put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
            },
        )
    cloud("s3").put_object(Bucket="encrypted-us-east-1", Key="a", Body=b"a")
    request = replace(
        api_request("s3", "CopyObject", {"Bucket": "encrypted-eu-west-1", "Key": "a"}),
        headers={"x-amz-copy-source": "encrypted-us-east-1/a"},
        region="eu-west-1",
    )
    used = [
        (one.action, one.resource, one.context["kms:ViaService"])
        for one in requirements(request)
        if one.action.startswith("kms:")
    ]
    assert used == [
        ("kms:Decrypt", keys["us-east-1"], ("s3.us-east-1.amazonaws.com",)),
        ("kms:GenerateDataKey", keys["eu-west-1"], ("s3.eu-west-1.amazonaws.com",)),
    ]
