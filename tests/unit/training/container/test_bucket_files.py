"""Files below a prefix, as `Files` has them, whether they lie in a bucket or on a disk."""

import pytest
from botocore.exceptions import ClientError

from stratos.catalog.files import FilesOnDisk
from tests.unit.training.jobs import BUCKET
from training.container.bucket_files import BucketFiles

CONTENT = {"models/m/config.json": b"{}", "models/m/deep/x": b"x", "models/n": b"0123456789"}


@pytest.fixture(params=["bucket", "disk"])
def files(request, s3, tmp_path):
    for name, content in CONTENT.items():
        s3.put_object(Bucket=BUCKET, Key=f"specs/files/{name}", Body=content)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    if request.param == "disk":
        return FilesOnDisk(tmp_path)
    return BucketFiles(f"s3://{BUCKET}/specs/files/")


def test_a_file_is_read_whole_or_in_part(files):
    assert files.read("models/n") == b"0123456789"
    assert files.read_range("models/n", 2, 3) == b"234"
    assert files.read_range("models/n", 8, 30) == b"89"
    assert files.read_range("models/n", 10, 4) == b""


def test_what_is_not_there_is_a_file_not_found(files):
    with pytest.raises(FileNotFoundError):
        files.read("models/other")
    with pytest.raises(FileNotFoundError):
        files.read_range("models/other", 0, 4)


def test_what_s3_does_not_tell_is_looked_up_where_it_may_be_listed(s3, monkeypatch):
    s3.put_object(Bucket=BUCKET, Key="specs/files/kept", Body=b"x")
    files = BucketFiles(f"s3://{BUCKET}/specs/files/")

    def refuse(**_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    monkeypatch.setattr(files._s3, "get_object", refuse)
    with pytest.raises(FileNotFoundError):
        files.read("missing")
    with pytest.raises(ClientError, match="AccessDenied"):
        files.read("kept")


def test_only_what_lies_in_a_folder_itself_is_named(files):
    assert files.names("models/m") == ["config.json"]
    assert files.names("models/other") == []
