import json

import pytest
from botocore.exceptions import ClientError

from stratos.deploying.assembly import Archive
from stratos.errors import StackFailed


@pytest.fixture
def bucket(account):
    return account.asset_bucket("Stratos")


def test_it_is_private_encrypted_versioned_and_for_tls_alone(bucket):
    assert bucket.make() is True
    assert bucket.make() is False
    bucket.secure()
    named = {"Bucket": "stratos-assets-123456789012-eu-west-1"}
    blocked = bucket.s3.get_public_access_block(**named)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert bucket.s3.get_bucket_versioning(**named)["Status"] == "Enabled"
    [rule] = bucket.s3.get_bucket_encryption(**named)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    [statement] = json.loads(bucket.s3.get_bucket_policy(**named)["Policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_an_archive_is_uploaded_once(bucket, tmp_path):
    bucket.make()
    path = tmp_path / "code.zip"
    path.write_bytes(b"code")
    said: list[str] = []
    assert bucket.upload([Archive(path, "abc.zip")], said.append) == 1
    assert bucket.upload([Archive(path, "abc.zip")], said.append) == 0
    assert said == ["uploading code.zip, 0.0 MB"]


def test_a_template_has_an_address_that_follows_from_its_content(bucket):
    bucket.make()
    first, again, other = (bucket.put_template(text) for text in ("{}", "{}", "[]"))
    assert first == again != other
    assert first.startswith("https://s3.eu-west-1.amazonaws.com/stratos-assets-123456789012-")


def test_a_bucket_of_another_account_is_not_used(bucket, monkeypatch):
    def refuse(**_):
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    monkeypatch.setattr(bucket.s3, "head_bucket", refuse)
    with pytest.raises(StackFailed, match="belongs to another account"):
        bucket.make()


def test_it_goes_with_every_version(bucket):
    bucket.make()
    for _ in range(2):
        bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"")
    bucket.s3.delete_object(Bucket=bucket.name, Key="k")
    bucket.s3.create_multipart_upload(Bucket=bucket.name, Key="half")
    bucket.remove()
    assert not bucket.exists()
