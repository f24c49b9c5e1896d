"""Objects are files, and S3 answers as before."""

from __future__ import annotations

import os
import zlib
from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from moto.s3.utils import compute_checksum
from moto_cloud import running_cloud

from infra.local.s3.objects_on_disk import ObjectsOnDisk, checksum

MIB = 1024 * 1024


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Any]:
    with running_cloud(tmp_path, ObjectsOnDisk()) as cloud:
        cloud("s3").create_bucket(Bucket="box")
        yield cloud("s3")


def read(s3: Any, key: str, **named: Any) -> bytes:
    return s3.get_object(Bucket="box", Key=key, **named)["Body"].read()


def files(state_dir: Path) -> list[bytes]:
    return [path.read_bytes() for path in (state_dir / "objects").iterdir()]


def test_an_object_is_a_file_until_it_is_deleted(s3: Any, tmp_path: Path) -> None:
    put = s3.put_object(Bucket="box", Key="k", Body=b"value", Metadata={"a": "b"})
    assert put["ETag"] == f'"{md5(b"value").hexdigest()}"'
    assert files(tmp_path) == [b"value"]
    got = s3.get_object(Bucket="box", Key="k")
    assert (got["Body"].read(), got["ContentLength"], got["Metadata"]) == (b"value", 5, {"a": "b"})
    s3.delete_object(Bucket="box", Key="k")
    assert files(tmp_path) == []


def test_a_model_of_parts_goes_when_it_is_deleted(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(bytes(6 * MIB))
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_file(str(tmp_path / "model"), "box", "model", Config=parts)
    s3.copy_object(Bucket="box", Key="copy", CopySource={"Bucket": "box", "Key": "model"})
    s3.delete_object(Bucket="box", Key="model")
    s3.delete_object(Bucket="box", Key="copy")
    assert files(tmp_path) == []


def test_an_empty_object_is_one(s3: Any) -> None:
    s3.put_object(Bucket="box", Key="empty")
    assert read(s3, "empty") == b""
    assert s3.head_object(Bucket="box", Key="empty")["ContentLength"] == 0


@pytest.mark.parametrize(
    ("range_", "expected"), [("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89")]
)
def test_a_range_is_read_alone(s3: Any, range_: str, expected: bytes) -> None:
    s3.put_object(Bucket="box", Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket="box", Key="k", Range=range_)
    assert (got["Body"].read(), got["ContentLength"]) == (expected, len(expected))


def test_parts_become_one_file(s3: Any, tmp_path: Path) -> None:
    content = os.urandom(6 * MIB)
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    (tmp_path / "model").write_bytes(content)
    s3.upload_file(str(tmp_path / "model"), "box", "model", Config=parts)
    assert files(tmp_path) == [content]
    digests = md5(content[: 5 * MIB]).digest() + md5(content[5 * MIB :]).digest()
    assert s3.head_object(Bucket="box", Key="model")["ETag"] == f'"{md5(digests).hexdigest()}-2"'
    assert read(s3, "model") == content


def test_a_part_that_was_not_uploaded_completes_nothing(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="box", Key="k")["UploadId"]
    s3.upload_part(Bucket="box", Key="k", UploadId=upload, PartNumber=1, Body=b"part")
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"0123"'}]}
    with pytest.raises(ClientError, match="InvalidPart"):
        s3.complete_multipart_upload(Bucket="box", Key="k", UploadId=upload, MultipartUpload=wrong)


def test_a_damaged_part_completes_nothing_until_it_is_uploaded_again(
    s3: Any, tmp_path: Path
) -> None:
    upload = s3.create_multipart_upload(Bucket="box", Key="k")["UploadId"]
    named = {"Bucket": "box", "Key": "k", "UploadId": upload}
    put = s3.upload_part(**named, PartNumber=1, Body=b"content")
    [content] = (tmp_path / "objects").iterdir()
    content.write_bytes(b"cont")
    part = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": put["ETag"]}]}}
    with pytest.raises(ClientError, match=r"part 1 of the upload of k is damaged.*has 4 bytes"):
        s3.complete_multipart_upload(**named, **part)
    s3.upload_part(**named, PartNumber=1, Body=b"content")
    s3.complete_multipart_upload(**named, **part)
    assert s3.get_object(Bucket="box", Key="k")["Body"].read() == b"content"


def test_only_the_last_part_may_be_small(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="box", Key="k")["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(
                Bucket="box", Key="k", UploadId=upload, PartNumber=number, Body=b"part"
            )["ETag"],
        }
        for number in (1, 2)
    ]
    with pytest.raises(ClientError, match="EntityTooSmall"):
        s3.complete_multipart_upload(
            Bucket="box", Key="k", UploadId=upload, MultipartUpload={"Parts": parts}
        )


def test_a_copy_shares_the_file_and_outlives_the_original(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="box", Key="one", Body=b"value")
    s3.copy_object(Bucket="box", Key="two", CopySource={"Bucket": "box", "Key": "one"})
    assert files(tmp_path) == [b"value"]
    s3.put_object(Bucket="box", Key="one", Body=b"newer")
    assert (read(s3, "one"), read(s3, "two")) == (b"newer", b"value")


def test_a_copy_in_parts_is_the_original(s3: Any) -> None:
    content = os.urandom(6 * MIB)
    s3.put_object(Bucket="box", Key="one", Body=content)
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.copy({"Bucket": "box", "Key": "one"}, "box", "two", Config=parts)
    assert read(s3, "two") == content


def test_a_checksum_comes_back(s3: Any) -> None:
    s3.put_object(Bucket="box", Key="k", Body=b"value", ChecksumAlgorithm="SHA256")
    head = s3.get_object(Bucket="box", Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == b64encode(sha256(b"value").digest()).decode()
    assert head["Body"].read() == b"value"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_in_pieces_is_that_of_the_whole(algorithm: str) -> None:
    pieces = [b"ab", b"cde", b"f"]
    whole = compute_checksum(b"abcdef", algorithm, encode_base64=False)
    assert checksum(pieces, algorithm) == whole
    assert checksum([b"abcdef"], "CRC32") == zlib.crc32(b"abcdef").to_bytes(4, "big")


def test_tags_are_a_document_and_not_the_object(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="box", Key="k", Body=b"value")
    tags = {"TagSet": [{"Key": "run", "Value": "r"}]}
    s3.put_object_tagging(Bucket="box", Key="k", Tagging=tags)
    assert s3.get_object_tagging(Bucket="box", Key="k")["TagSet"] == tags["TagSet"]
    assert files(tmp_path) == [b"value"]


def test_a_version_keeps_its_content(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="box", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="box", Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket="box", Key="k", Body=b"second")
    assert read(s3, "k", VersionId=first) == b"first"
    assert read(s3, "k") == b"second"
