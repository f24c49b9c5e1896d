"""Files and JSON documents in S3."""

from __future__ import annotations

from pathlib import Path

import boto3

from stratos.contracts.bucket import TAGGED_AS_RECORDS, split_uri
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
            Body=document.model_dump_json(indent=2).encode(),
            ContentType="application/json",
        )

    def upload(self, path: Path, uri: str) -> None:
        bucket, key = split_uri(uri)
        self._s3.upload_file(str(path), bucket, key)

    def upload_records(self, path: Path, uri: str) -> None:
        """Upload a file of records, which expires as such."""
        bucket, key = split_uri(uri)
        tagging = {"Tagging": TAGGED_AS_RECORDS}
        self._s3.upload_file(str(path), bucket, key, ExtraArgs=tagging)

    def download(self, uri: str, path: Path) -> None:
        bucket, key = split_uri(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._s3.download_file(bucket, key, str(path))
