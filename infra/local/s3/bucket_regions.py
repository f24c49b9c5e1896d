"""Buckets have regions: a request that was signed for another is told which.

boto3 then asks again there, so that a bucket is found from any region. moto has one list of
buckets, as S3 has, but answers for all of them everywhere.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import BaseResponse
from moto.s3.models import s3_backends
from werkzeug import Response
from werkzeug.exceptions import HTTPException

from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID, LocalSettings


class BucketRegions:
    """Seam: a request for a bucket of another region is redirected there."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        original = BaseResponse.setup_class

        def setup_class(response: Any, request: Any, *arguments: Any, **named: Any) -> None:
            original(response, request, *arguments, **named)
            # A presigned URL may name any region; moto does not read which.
            if response.boto3_service_name == "s3" and "Authorization" in request.headers:
                _redirect(response, request)

        self._patches.replace(BaseResponse, "setup_class", setup_class)

    def close(self) -> None:
        self._patches.restore()


def _redirect(response: Any, request: Any) -> None:
    """
    Raises:
        HTTPException: The redirection, where there is a bucket and it is in another region.
    """
    name, _, key = request.path[1:].partition("/")
    bucket = s3_backends[ACCOUNT_ID]["aws"].buckets.get(name)
    is_creation = request.method == "PUT" and not key and not request.args
    if bucket is None or bucket.region_name == response.region or is_creation:
        return
    headers = {"x-amz-bucket-region": bucket.region_name}
    body = "" if request.method == "HEAD" else _BODY.format(name=name, region=bucket.region_name)
    answer = Response(body, 301, headers, content_type="application/xml")
    raise HTTPException(response=answer)


_BODY = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be "
    "addressed using the specified endpoint. Please send all future requests to this endpoint."
    "</Message><Endpoint>{name}.s3.{region}.amazonaws.com</Endpoint><Bucket>{name}</Bucket></Error>"
)
