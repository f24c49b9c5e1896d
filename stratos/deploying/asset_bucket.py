"""The bucket with what a stack is made of: archives of functions and jobs, and templates.

It is the deployment's own, so that nothing has to be bootstrapped. Every key is a hash of the
content, so nothing is ever overwritten, and what is there need not be uploaded again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stratos.deploying.assembly import Archive
from stratos.errors import StackFailed

_UNNAMED_BY_S3 = "us-east-1"
"""The region that a new bucket gets where none is named, and the only one that may not be named."""
_MISSING = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")


@dataclass(frozen=True)
class AssetBucket:
    """One region's bucket.

    Its name can be guessed, so every call says whose it must be: another account that took the name
    first gets and gives nothing.

    Attributes:
        s3: A client of its region.
    """

    s3: Any
    name: str
    account: str
    region: str
    partition: str = "aws"

    def exists(self) -> bool:
        """Whether it is there.

        Raises:
            StackFailed: it is another account's.
        """
        try:
            self.s3.head_bucket(**self._named)
        except self.s3.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _MISSING:
                return False
            if code != "403":
                raise
            raise StackFailed(
                f"the bucket {self.name} may not be read: either it belongs to another account, "
                "which took the name first, or you lack s3:ListBucket on it. If it is not yours, "
                "choose another name for the stack (`-c stratos:stack=NAME` in a clone)"
            ) from error
        return True

    def make(self) -> bool:
        """Make it if it is not there; return whether it was not."""
        if self.exists():
            return False
        given = {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        self.s3.create_bucket(Bucket=self.name, **(given if self.region != _UNNAMED_BY_S3 else {}))
        return True

    def secure(self) -> None:
        """Have it private, encrypted, versioned and for TLS alone."""
        # Set every time: a deployment that was cut short may have left it half made.
        blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy")
        self.s3.put_public_access_block(
            **self._named,
            PublicAccessBlockConfiguration=dict.fromkeys((*blocked, "RestrictPublicBuckets"), True),
        )
        by_s3 = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self.s3.put_bucket_encryption(
            **self._named, ServerSideEncryptionConfiguration={"Rules": [by_s3]}
        )
        # As the CDK's has it: worker regions copy an archive by its version.
        self.s3.put_bucket_versioning(**self._named, VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_bucket_policy(**self._named, Policy=json.dumps(self._tls_alone()))

    def upload(self, archives: Iterable[Archive], tell: Callable[[str], None]) -> int:
        """Upload what is not there yet, and return how many archives that were."""
        uploaded = 0
        for archive in archives:
            if self._has(archive.key):
                continue
            tell(f"uploading {archive.path.name}, {archive.path.stat().st_size / 1e6:,.1f} MB")
            self.s3.upload_file(
                str(archive.path),
                self.name,
                archive.key,
                ExtraArgs={"ExpectedBucketOwner": self.account},
            )
            uploaded += 1
        return uploaded

    def put_template(self, text: str) -> str:
        """Store a template, and return the address that CloudFormation reads it from.

        One of more than 51,200 bytes is not taken in a request.
        """
        content = text.encode()
        key = f"templates/{hashlib.sha256(content).hexdigest()}.json"
        if not self._has(key):
            self.s3.put_object(**self._named, Key=key, Body=content)
        return f"{self.s3.meta.endpoint_url}/{self.name}/{key}"

    def remove(self) -> None:
        """Delete it with every version of all that is in it."""
        pages = self.s3.get_paginator("list_object_versions").paginate(**self._named)
        for page in pages:
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            named = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            if named:
                self.s3.delete_objects(**self._named, Delete={"Objects": named, "Quiet": True})
        for upload in self.s3.list_multipart_uploads(**self._named).get("Uploads", ()):
            self.s3.abort_multipart_upload(
                **self._named, Key=upload["Key"], UploadId=upload["UploadId"]
            )
        self.s3.delete_bucket(**self._named)

    @property
    def _named(self) -> dict[str, str]:
        return {"Bucket": self.name, "ExpectedBucketOwner": self.account}

    def _has(self, key: str) -> bool:
        try:
            self.s3.head_object(**self._named, Key=key)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            return False
        return True

    def _tls_alone(self) -> dict[str, Any]:
        arn = f"arn:{self.partition}:s3:::{self.name}"
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TlsAlone",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
