"""What an object holds, told without reading it: by the checksum that S3 keeps with it.

S3 keeps one checksum of every object: that of the algorithm which the upload named, or else a
CRC64NVME of the whole object that it computes itself. SHA-256 and CRC64NVME tell contents apart;
32 bits do not. An object that has no better one, or is older than S3's checksums, is known by its
version: the same version is never moved twice, an equal file under another key is.
A copy carries what it is a copy of in its metadata, since a copy in parts gets another checksum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import error_code

MARK = "stratos-content"
"""Metadata of a copy: the identity of what it is a copy of."""
_TELLING = ("SHA256", "CRC64NVME")
_ABSENT = ("NoSuchKey", "404")


@dataclass(frozen=True)
class Content:
    """An object as it is now."""

    bucket: Bucket
    key: str
    identity: str
    """Equal for equal contents."""
    size: int
    etag: str
    version_id: str | None
    content_type: str
    metadata: Mapping[str, str]
    modified: datetime

    @property
    def source(self) -> dict[str, str]:
        """As S3 takes what is to be copied: this version, whatever is written meanwhile."""
        named = {"Bucket": self.bucket.name, "Key": self.key}
        return named if self.version_id is None else named | {"VersionId": self.version_id}

    @property
    def marked(self) -> dict[str, str]:
        """Metadata for a copy."""
        return {**self.metadata, MARK: self.identity}


def find_content(bucket: Bucket, key: str) -> Content | None:
    """What an object holds; None where there is none."""
    try:
        head = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return None
        raise
    version = head.get("VersionId")
    return Content(
        bucket=bucket,
        key=key,
        identity=head["Metadata"].get(MARK) or _identity(bucket, key, head),
        size=head["ContentLength"],
        etag=head["ETag"],
        version_id=None if version in (None, "null") else version,
        content_type=head.get("ContentType", "binary/octet-stream"),
        metadata=head["Metadata"],
        modified=head["LastModified"],
    )


def _identity(bucket: Bucket, key: str, head: Mapping[str, Any]) -> str:
    size = head["ContentLength"]
    for algorithm in _TELLING:
        if value := head.get(f"Checksum{algorithm}"):
            told = str(value).replace("/", "_").replace("+", "-").replace("=", "")
            return f"{algorithm.lower()}-{told}-{size}"
    version = head.get("VersionId") or head["ETag"]
    where = hashlib.sha256(f"{bucket.name}\n{key}\n{version}".encode()).hexdigest()
    return f"version-{where}-{size}"
