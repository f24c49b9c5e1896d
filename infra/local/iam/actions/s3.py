"""S3: one operation is often judged by another one's name.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from moto.s3.models import FakeDeleteMarker, s3_backends

from infra.local.iam.api_request import ApiRequest
from infra.local.iam.encryption import DATA_KEY, DECRYPT, uses_key
from infra.local.iam.requirement import Requirement, Rule, needs

_LISTED_BY = {"s3:prefix": "prefix", "s3:delimiter": "delimiter", "s3:max-keys": "max-keys"}


def _bucket_arn(request: ApiRequest) -> str:
    return f"arn:aws:s3:::{request.get('Bucket')}"


def _object_arn(request: ApiRequest) -> str:
    return f"{_bucket_arn(request)}/{request.get('Key')}"


def _lists(action: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        context = {
            key: (str(request.parameters[name]),)
            for key, name in _LISTED_BY.items()
            if name in request.parameters
        }
        yield Requirement(action, _bucket_arn(request), context)

    return rule


def _bucket(request: ApiRequest, name: str) -> Any:
    return s3_backends[request.account]["aws"].buckets.get(name)


def _bucket_key(request: ApiRequest, name: str) -> str | None:
    """The key by which a bucket encrypts what is put into it."""
    encryption = getattr(_bucket(request, name), "encryption", None) or {}
    default = (encryption.get("Rule") or {}).get("ApplyServerSideEncryptionByDefault") or {}
    key = default.get("KMSMasterKeyID")
    return str(key) if key else None


def _encrypts(request: ApiRequest, *actions: str) -> Iterator[Requirement]:
    named = request.headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    key = named or _bucket_key(request, request.get("Bucket"))
    yield from _uses(request, request.get("Bucket"), key, *actions)


def _uses(
    request: ApiRequest, bucket: str, key: str | None, *actions: str
) -> Iterator[Requirement]:
    """The use of a key in the region of a bucket, which is not always that of the request."""
    held = _bucket(request, bucket)
    region = request.region if held is None else held.region_name
    yield from uses_key(request.account, region, key, "s3", *actions)


def _reads(bucket: str, key: str, version: str, request: ApiRequest) -> Iterator[Requirement]:
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    yield Requirement(action, f"arn:aws:s3:::{bucket}/{key}")
    if not has_object(request, bucket, key):
        # Whether a key is missing is told to those only who may list the bucket.
        yield Requirement("s3:ListBucket", f"arn:aws:s3:::{bucket}")


def has_object(request: ApiRequest, bucket: str, key: str) -> bool:
    """Whether a bucket holds a key; also where there is no such bucket, which is told to all."""
    held = _bucket(request, bucket)
    if held is None:
        return True
    found = held.keys.get(key)
    return found is not None and not isinstance(found, FakeDeleteMarker)


def _get(request: ApiRequest) -> Iterator[Requirement]:
    bucket, key = request.get("Bucket"), request.get("Key")
    yield from _reads(bucket, key, request.get("versionId"), request)
    whole = request.operation == "GetObject"
    if whole or request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        named = _bucket_key(request, bucket)
        yield from _uses(request, bucket, named, DECRYPT)


def _put(request: ApiRequest) -> Iterator[Requirement]:
    yield Requirement("s3:PutObject", _object_arn(request))
    if request.headers.get("x-amz-tagging"):
        yield Requirement("s3:PutObjectTagging", _object_arn(request))
    yield from _encrypts(request, DATA_KEY)


def _part(request: ApiRequest) -> Iterator[Requirement]:
    """A part is put with the key's data key, which has to be opened again."""
    yield Requirement("s3:PutObject", _object_arn(request))
    yield from _encrypts(request, DATA_KEY, DECRYPT)


def _copy(request: ApiRequest) -> Iterator[Requirement]:
    source = urlsplit(request.headers.get("x-amz-copy-source", ""))
    bucket, _, key = unquote(source.path).lstrip("/").partition("/")
    yield from _reads(bucket, key, source.query.removeprefix("versionId="), request)
    named = _bucket_key(request, bucket)
    yield from _uses(request, bucket, named, DECRYPT)
    yield from _put(request)


def _delete(request: ApiRequest) -> Iterator[Requirement]:
    versioned = bool(request.get("versionId"))
    action = "s3:DeleteObjectVersion" if versioned else "s3:DeleteObject"
    yield Requirement(action, _object_arn(request))


def _delete_many(request: ApiRequest) -> Iterator[Requirement]:
    """All of them, or none: S3 itself answers for each key.

    Raises:
        ValueError: what is to be deleted cannot be read.
    """
    try:
        body = ElementTree.fromstring(request.body)
    except ElementTree.ParseError as error:
        raise ValueError(f"the list of keys is no XML: {error}") from error
    for listed in body.iterfind("{*}Object"):
        key, version = listed.findtext("{*}Key"), listed.findtext("{*}VersionId")
        action = "s3:DeleteObjectVersion" if version else "s3:DeleteObject"
        yield Requirement(action, f"{_bucket_arn(request)}/{key}")


RULES: Mapping[str, Mapping[str, Rule]] = {
    "s3": {
        "ListBuckets": needs("s3:ListAllMyBuckets"),
        "HeadBucket": needs("s3:ListBucket", _bucket_arn),
        "ListObjects": _lists("s3:ListBucket"),
        "ListObjectsV2": _lists("s3:ListBucket"),
        "ListObjectVersions": _lists("s3:ListBucketVersions"),
        "ListMultipartUploads": needs("s3:ListBucketMultipartUploads", _bucket_arn),
        "GetBucketLocation": needs("s3:GetBucketLocation", _bucket_arn),
        "GetBucketVersioning": needs("s3:GetBucketVersioning", _bucket_arn),
        "GetObject": _get,
        "HeadObject": _get,
        "GetObjectTagging": needs("s3:GetObjectTagging", _object_arn),
        "PutObjectTagging": needs("s3:PutObjectTagging", _object_arn),
        "PutObject": _put,
        "CopyObject": _copy,
        "CreateMultipartUpload": _put,
        "UploadPart": _part,
        "UploadPartCopy": _copy,
        "CompleteMultipartUpload": _part,
        "AbortMultipartUpload": needs("s3:AbortMultipartUpload", _object_arn),
        "ListParts": needs("s3:ListMultipartUploadParts", _object_arn),
        "DeleteObject": _delete,
        "DeleteObjects": _delete_many,
    }
}
