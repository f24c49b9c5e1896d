"""A bucket: bytes, models and listings."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pydantic import BaseModel

from lambdas.aws.clients import client, error_code
from stratos.contracts.bucket import TAGGED_AS_RECORDS, TELLING_CHECKSUM, s3_uri, split_uri

Model = TypeVar("Model", bound=BaseModel)
_ABSENT = ("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404")
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict")
_APPEND_ATTEMPTS = 8
_FIRST_PAUSE_SECONDS = 0.05


class AlwaysChanging(RuntimeError):
    """Others wrote an object whenever this was about to."""


@dataclass(frozen=True)
class StoredObject:
    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class Bucket:
    """One S3 bucket."""

    name: str
    region: str | None = None
    """Its own, where that is not the function's."""

    @property
    def client(self) -> Any:
        return client("s3", self.region)

    @classmethod
    def of(cls, uri: str) -> tuple[Bucket, str]:
        """The bucket and key of an S3 URI."""
        bucket, key = split_uri(uri)
        return cls(bucket), key

    def uri(self, key: str) -> str:
        return s3_uri(self.name, key)

    def open(self, key: str, version_id: str | None = None) -> Any:
        """The object's body, as a stream.

        Raises:
            FileNotFoundError: when there is no such object.
        """
        version = {"VersionId": version_id} if version_id else {}
        try:
            return self.client.get_object(Bucket=self.name, Key=key, **version)["Body"]
        except ClientError as error:
            if error_code(error) in _ABSENT:
                raise FileNotFoundError(f"{self.uri(key)} does not exist") from error
            raise

    def read(
        self, key: str, *, version_id: str | None = None, max_bytes: int | None = None
    ) -> bytes:
        """The object's bytes, at most `max_bytes` of them.

        Raises:
            FileNotFoundError: when there is no such object.
        """
        with closing(self.open(key, version_id)) as body:
            content: bytes = body.read(max_bytes)
            return content

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Some of an object's bytes; fewer where it ends before.

        Raises:
            FileNotFoundError: when there is no such object.
        """
        part = f"bytes={start}-{start + length - 1}"
        try:
            body = self.client.get_object(Bucket=self.name, Key=key, Range=part)["Body"]
        except ClientError as error:
            if error_code(error) in _ABSENT:
                raise FileNotFoundError(f"{self.uri(key)} does not exist") from error
            if error_code(error) == "InvalidRange":  # it ends before
                return b""
            raise
        with closing(body):
            content: bytes = body.read()
            return content

    def metadata(self, key: str, version_id: str | None = None) -> dict[str, str]:
        """What whoever wrote an object noted beside it.

        Raises:
            FileNotFoundError: when there is no such object.
        """
        version = {"VersionId": version_id} if version_id else {}
        try:
            found: dict[str, str] = self.client.head_object(Bucket=self.name, Key=key, **version)[
                "Metadata"
            ]
        except ClientError as error:
            if error_code(error) in _ABSENT:
                raise FileNotFoundError(f"{self.uri(key)} does not exist") from error
            raise
        return found

    def read_rows(self, key: str, model: type[Model], limit: int | None = None) -> list[Model]:
        """The first rows of a JSONL object.

        Raises:
            FileNotFoundError: when there is no such object.
        """
        with closing(self.open(key)) as body:
            lines = itertools.islice(body.iter_lines(), limit)
            return [model.model_validate_json(line) for line in lines]

    def read_model(self, key: str, model: type[Model]) -> Model:
        """The object as a model.

        Raises:
            FileNotFoundError: when there is no such object.
        """
        return model.model_validate_json(self.read(key))

    def find_model(self, key: str, model: type[Model]) -> Model | None:
        """The object as a model, or None where there is none."""
        try:
            return self.read_model(key, model)
        except FileNotFoundError:
            return None

    def put(self, key: str, content: bytes | str, content_type: str) -> str:
        """Write an object and return its URI."""
        body = content.encode() if isinstance(content, str) else content
        self.client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)
        return self.uri(key)

    def put_model(self, key: str, value: BaseModel) -> str:
        """Write a model as JSON and return its URI."""
        return self.put(key, value.model_dump_json(indent=2), "application/json")

    def upload_records(self, path: Path, key: str) -> None:
        """Upload a file of records, which expires as such."""
        tagging = {"Tagging": TAGGED_AS_RECORDS, **TELLING_CHECKSUM}
        self.client.upload_file(str(path), self.name, key, ExtraArgs=tagging)

    def copy(self, source: str, target: str) -> None:
        origin = {"Bucket": self.name, "Key": source}
        self.client.copy_object(Bucket=self.name, Key=target, CopySource=origin)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """The objects whose key begins with `prefix`, without the markers of empty folders."""
        pages = self.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.name, Prefix=prefix):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):
                    etag = item["ETag"].strip('"')
                    yield StoredObject(item["Key"], item["Size"], etag, item["LastModified"])

    def newest_version(self, key: str) -> str:
        """Version id of an object as it is now.

        Raises:
            FileNotFoundError: when there is no such object.
        """
        try:
            head = self.client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error_code(error) in _ABSENT:
                raise FileNotFoundError(f"{self.uri(key)} does not exist") from error
            raise
        return str(head.get("VersionId", "null"))

    def exists(self, key: str) -> bool:
        """Whether there is an object; versions of a deleted one do not count."""
        try:
            self.newest_version(key)
        except FileNotFoundError:
            return False
        return True

    def append_rows(self, key: str, rows: Iterable[BaseModel]) -> None:
        """Add lines to a JSONL object; of two writers at once, neither loses its lines.

        Raises:
            AlwaysChanging: others wrote it each time that this was tried.
        """
        added = "".join(row.model_dump_json() + "\n" for row in rows).encode()
        for attempt in range(_APPEND_ATTEMPTS):
            if attempt:  # many that begin at once are not to collide again
                time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt))
            try:
                got = self.client.get_object(Bucket=self.name, Key=key)
                before, condition = got["Body"].read(), {"IfMatch": got["ETag"]}
            except ClientError as error:
                if error_code(error) not in _ABSENT:
                    raise
                before, condition = b"", {"IfNoneMatch": "*"}
            try:
                self.client.put_object(Bucket=self.name, Key=key, Body=before + added, **condition)
                return
            except ClientError as error:
                if error_code(error) not in _CHANGED:
                    raise
        raise AlwaysChanging(f"{self.uri(key)} changed {_APPEND_ATTEMPTS} times while appending")
