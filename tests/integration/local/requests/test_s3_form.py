"""Names, keys and headers that S3 refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto_cloud import running_cloud

from infra.local.requests.refusals import RequestValidation


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Any]:
    with running_cloud(tmp_path, RequestValidation()) as cloud:
        yield cloud("s3")


@pytest.mark.parametrize("name", ["Big-Bucket", "a..b", "under_score", "10.0.0.1", "-a-", "xn--a"])
def test_a_bucket_is_named_by_the_rules(s3: Any, name: str) -> None:
    with pytest.raises(ClientError, match="InvalidBucketName"):
        s3.create_bucket(Bucket=name)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("KeyTooLongError", {"Key": "k" * 1025}),
        ("MetadataTooLarge", {"Metadata": {"note": "n" * 2048}}),
        ("InvalidArgument", {"ServerSideEncryption": "rot13"}),
        ("InvalidArgument", {"ServerSideEncryption": "AES256", "SSEKMSKeyId": "key"}),
    ],
)
def test_an_object_has_the_form_that_s3_wants(s3: Any, code: str, fields: Any) -> None:
    s3.create_bucket(Bucket="box")
    with pytest.raises(ClientError, match=code):
        s3.put_object(**({"Bucket": "box", "Key": "k"} | fields))


def test_an_object_at_the_limits_is_taken(s3: Any) -> None:
    s3.create_bucket(Bucket="box")
    s3.put_object(
        Bucket="box",
        Key="k" * 1024,
        Metadata={"note": "n" * 2044},
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId="alias/key",
    )
    assert s3.head_object(Bucket="box", Key="k" * 1024)["ServerSideEncryption"] == "aws:kms"
