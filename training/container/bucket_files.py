"""The files below a prefix in S3, read in part: a model's tokenizer without its weights."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import ClientError

from stratos.contracts.bucket import split_uri

_ABSENT = ("NoSuchKey", "404")
_REFUSED = "AccessDenied"
_BEYOND_THE_END = "InvalidRange"


class BucketFiles:
    """Files by their paths below a prefix, as `stratos.catalog.files.Files` has them."""

    def __init__(self, uri: str) -> None:
        """Look below a prefix.

        Args:
            uri: With its slash.
        """
        self._bucket, self._prefix = split_uri(uri)
        self._s3 = boto3.client("s3")

    def read(self, path: str) -> bytes:
        return self._get(path)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        try:
            return self._get(path, Range=f"bytes={start}-{start + length - 1}")
        except ClientError as error:
            if _code(error) == _BEYOND_THE_END:
                return b""
            raise

    def names(self, folder: str) -> list[str]:
        prefix = f"{self._prefix}{folder.rstrip('/')}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        keys = (item["Key"] for page in pages for item in page.get("Contents", ()))
        return [name for key in keys if (name := key.removeprefix(prefix))]

    def _get(self, path: str, **part: Any) -> bytes:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + path, **part)
        except ClientError as error:
            if self._is_absent(path, _code(error)):
                raise FileNotFoundError(
                    f"s3://{self._bucket}/{self._prefix}{path} does not exist"
                ) from error
            raise
        with found["Body"] as body:
            content: bytes = body.read()
            return content

    def _is_absent(self, path: str, code: str) -> bool:
        """Whether a file is missing. A job may list its own prefixes and not the whole bucket, so
        S3 does not tell it whether a file is missing or kept from it."""
        if code != _REFUSED:
            return code in _ABSENT
        key = self._prefix + path
        listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        return all(item["Key"] != key for item in listed.get("Contents", ()))


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
