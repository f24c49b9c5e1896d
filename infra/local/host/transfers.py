"""Files between S3 and a job's or an endpoint's directory."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

_GZIP_LEVEL = 1
"""Weights hardly compress; the lowest level keeps the CPU for training."""


_WRONG_REGION = ("301", "PermanentRedirect")
"""Of a bucket in another region; without a body there is no other code than the status."""


class TransferError(Exception):
    """Something asked for in S3 is not there, or is not what it has to be."""


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of an `s3://` URI."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise TransferError(f"'{uri}' is not an S3 URI; give one like s3://bucket/prefix/.")
    return parts.netloc, parts.path.lstrip("/")


def cause_of(s3: Any, error: Exception) -> str:
    """S3's code and words, of an error or of what it was made from."""
    cause = error if isinstance(error, ClientError) else error.__cause__
    if not isinstance(cause, ClientError):
        return str(error)
    told = cause.response["Error"]
    if told["Code"] in _WRONG_REGION:
        # As AWS's SDK for Go says it, in which SageMaker's transfers are written.
        region = s3.meta.region_name
        return f"BucketRegionError: incorrect region, the bucket is not in '{region}' region"
    code = {"403": "AccessDenied", "404": "NoSuchKey"}.get(told["Code"], told["Code"])
    return f"{code}: {told['Message']}"


def list_keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    """Keys below a prefix, without the empty ones that stand for folders."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        return [
            item["Key"]
            for page in pages
            for item in page.get("Contents", [])
            if not item["Key"].endswith("/")
        ]
    except ClientError as error:
        message = error.response["Error"]["Message"]
        raise TransferError(f"Cannot list s3://{bucket}/{prefix}: {message}.") from error


def download_prefix(s3: Any, uri: str, directory: Path) -> int:
    """Copy every object below an S3 URI and return how many there were.

    Names are relative to the prefix where it is a folder, and to its parent where it is the
    beginning of file names or one whole key, as SageMaker lays out a File-mode channel.
    """
    bucket, prefix = split_uri(uri)
    keys = list_keys(s3, bucket, prefix)
    folder = prefix.rstrip("/") + "/" if prefix else ""
    parent = prefix[: prefix.rfind("/") + 1]
    for key in keys:
        base = folder if key.startswith(folder) else parent
        target = _inside(directory, key[len(base) :])
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(s3, bucket, key, target)
    return len(keys)


def download_file(s3: Any, uri: str, path: Path) -> None:
    """Copy the one object at an S3 URI."""
    bucket, key = split_uri(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    _download(s3, bucket, key, path)


def _download(s3: Any, bucket: str, key: str, path: Path) -> None:
    try:
        s3.download_file(bucket, key, str(path))
    except ClientError as error:
        found, uri = error.response["Error"], f"s3://{bucket}/{key}"
        if found["Code"] == "403":
            raise TransferError(
                f"Access denied to {uri}. Check that the role may read it and use its key."
            ) from error
        if found["Code"] in _WRONG_REGION:
            raise TransferError(f"Cannot read {uri}: {cause_of(s3, error)}.") from error
        raise TransferError(f"Cannot read {uri}: {found['Message']}. Upload it first.") from error


def download_tar(s3: Any, uri: str, directory: Path) -> None:
    """Unpack a tar archive in S3 into a directory."""
    archive = directory.with_name(directory.name + ".download.tar.gz")
    download_file(s3, uri, archive)
    try:
        unpack_tar(archive, directory, named=uri)
    finally:
        archive.unlink()


def unpack_tar(archive: Path, directory: Path, *, named: str) -> None:
    """Unpack a tar archive; `named` is what an error calls it."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(directory, filter="data")
    except tarfile.TarError as error:
        raise TransferError(
            f"{named} is not a tar archive that can be unpacked: {error}."
        ) from error


def upload_tar(s3: Any, directory: Path, uri: str) -> None:
    """Pack what a directory holds, names relative to it, as `tar.gz` at an S3 URI."""
    archive = directory.with_name(directory.name + ".upload.tar.gz")
    with tarfile.open(archive, "w:gz", compresslevel=_GZIP_LEVEL) as tar:
        for path in sorted(directory.iterdir()):
            tar.add(path, arcname=path.name)
    bucket, key = split_uri(uri)
    try:
        s3.upload_file(str(archive), bucket, key)
    except Exception as error:  # s3transfer wraps every cause in its own error
        raise TransferError(
            f"Artifact upload failed:Unable to upload file to {uri} ({_told(s3, error)})"
        ) from error
    finally:
        archive.unlink()


def upload_files(s3: Any, directory: Path, uri: str) -> None:
    """Copy a directory's files one by one below an S3 prefix."""
    bucket, prefix = split_uri(uri)
    for path in sorted(directory.rglob("*")):
        if not path.is_file():
            continue
        key = join_key(prefix, path.relative_to(directory))
        try:
            s3.upload_file(str(path), bucket, key)
        except Exception as error:  # s3transfer wraps every cause in its own error
            raise TransferError(
                f"Artifact upload failed:Unable to upload file to s3://{bucket}/{key} "
                f"({_told(s3, error)})"
            ) from error


def _told(s3: Any, error: Exception) -> str:
    """Why an upload failed. s3transfer's error has the one of S3 as its context."""
    of_s3 = error.__context__ if isinstance(error.__context__, ClientError) else error
    return cause_of(s3, of_s3 if isinstance(of_s3, Exception) else error)


def join_key(prefix: str, name: Path) -> str:
    return f"{prefix.rstrip('/')}/{name.as_posix()}" if prefix else name.as_posix()


def _inside(directory: Path, name: str) -> Path:
    target = (directory / name).resolve()
    if not target.is_relative_to(directory.resolve()):
        raise TransferError(f"The object name '{name}' leads out of its channel; rename it.")
    return target
