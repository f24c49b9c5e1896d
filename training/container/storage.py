"""Files and JSON documents in S3."""

from __future__ import annotations

from pathlib import Path

import boto3

from stratos.contracts.bucket import split_uri
from stratos.frozen import FrozenModel


class ObjectStore:
    """Puts and gets objects by URI. Credentials, region and endpoint come from the environment."""

    def __init__(self) -> None:
        self._s3 = boto3.client("s3")

    def put(self, uri: str, document: FrozenModel) -> None:
        bucket, key = split_uri(uri)
        self._s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=document.model_dump_json().encode(),
            ContentType="application/json",
        )

    def upload(self, path: Path, uri: str) -> None:
        bucket, key = split_uri(uri)
        self._s3.upload_file(str(path), bucket, key)

    def download(self, uri: str, path: Path) -> None:
        bucket, key = split_uri(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._s3.download_file(bucket, key, str(path))
