"""A bucket is of one region, and found from all."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from moto_cloud import Cloud
from regions import HOME, WORKER, make_bucket_in, two_regions


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with two_regions(tmp_path_factory.mktemp("cloud")) as running:
        make_bucket_in(running, WORKER, "abroad")
        yield running


def test_a_bucket_keeps_the_region_in_which_it_was_made(cloud: Cloud) -> None:
    for region in (HOME, WORKER):
        s3 = cloud.in_region(region)("s3")
        assert s3.get_bucket_location(Bucket="abroad")["LocationConstraint"] == WORKER
        headers = s3.head_bucket(Bucket="abroad")["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amz-bucket-region"] == WORKER


def test_objects_are_written_and_read_from_any_region(cloud: Cloud) -> None:
    cloud("s3").put_object(Bucket="abroad", Key="k", Body=b"from home")
    assert cloud.in_region(WORKER)("s3").head_object(Bucket="abroad", Key="k")["ContentLength"] == 9
    fresh = Cloud(cloud.settings)("s3")
    assert fresh.get_object(Bucket="abroad", Key="k")["Body"].read() == b"from home"


def test_a_request_that_is_signed_for_another_region_is_told_which(cloud: Cloud) -> None:
    s3 = Cloud(cloud.settings)("s3")
    s3.meta.events.register(
        "before-parameter-build.s3",
        lambda context, **_: context.update(s3_redirect={"redirected": True}),
    )
    with pytest.raises(ClientError, match="PermanentRedirect") as caught:
        s3.list_objects_v2(Bucket="abroad")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-bucket-region"] == WORKER


def test_a_name_that_is_taken_in_another_region_is_taken(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="BucketAlreadyOwnedByYou"):
        cloud.in_region("ap-northeast-1")("s3").create_bucket(
            Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
        )


def test_a_presigned_url_leads_to_the_bucket(cloud: Cloud) -> None:
    worker = cloud.in_region(WORKER)("s3")
    worker.put_object(Bucket="abroad", Key="linked", Body=b"content")
    url = worker.generate_presigned_url(
        "get_object", Params={"Bucket": "abroad", "Key": "linked"}, ExpiresIn=60
    )
    with urllib.request.urlopen(url) as response:
        assert response.read() == b"content"
