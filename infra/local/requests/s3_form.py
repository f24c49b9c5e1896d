"""What S3 refuses of a bucket's name, an object's key and its headers, and moto does not."""

from __future__ import annotations

import re
from typing import Any

from moto.s3.exceptions import InvalidBucketName, S3ClientError
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

from infra.local.host.patching import Patches

MAX_KEY_BYTES = 1024
MAX_METADATA_BYTES = 2048
ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")
_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!xn--)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def mend_s3_form(patches: Patches) -> None:
    """Install the checks; `patches.restore()` takes them back."""

    def create_bucket(backend: Any, bucket_name: str, *rest: Any, **named: Any) -> Any:
        if not _BUCKET.fullmatch(bucket_name):
            raise InvalidBucketName()
        return original_create(backend, bucket_name, *rest, **named)

    def respond(response: Any, request: Any, *rest: Any, **named: Any) -> Any:
        if request.method in ("PUT", "POST"):
            _refuse_form(response.parse_key_name(), dict(request.headers))
        return original_respond(response, request, *rest, **named)

    original_create = patches.replace(S3Backend, "create_bucket", create_bucket)
    original_respond = patches.replace(S3Response, "_key_response", respond)


def _refuse_form(key: str, headers: dict[str, str]) -> None:
    """Refuse by docs.aws.amazon.com/AmazonS3/latest/userguide: object-keys, UsingMetadata, SSE."""
    if len(key.encode()) > MAX_KEY_BYTES:
        raise S3ClientError("KeyTooLongError", "Your key is too long")
    given = {name.lower(): value for name, value in headers.items()}
    metadata = {
        name.removeprefix("x-amz-meta-"): value
        for name, value in given.items()
        if name.startswith("x-amz-meta-")
    }
    if sum(len(name) + len(value.encode()) for name, value in metadata.items()) > (
        MAX_METADATA_BYTES
    ):
        raise S3ClientError(
            "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size"
        )
    encryption = given.get("x-amz-server-side-encryption")
    if encryption is not None and encryption not in ENCRYPTIONS:
        raise S3ClientError("InvalidArgument", "The encryption method specified is not supported")
    if "x-amz-server-side-encryption-aws-kms-key-id" in given and (
        encryption not in ENCRYPTIONS[1:]
    ):
        raise S3ClientError(
            "InvalidArgument",
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms",
        )
