"""Copy objects between regions: S3 moves the bytes, whole or in parts, and each content once.

A copy appears when it is complete. A call that runs out of time leaves the parts that it has, and
the next one goes on with the rest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from lambdas.aws.clients import error_code
from lambdas.regions.contents import Content, find_content
from lambdas.regions.ledger import CopyEntry, CopyLedger
from lambdas.regions.places import Place
from stratos.contracts.regions import Transfer
from stratos.errors import CopyUnfinished
from stratos.moment import now
from stratos.pipeline.worker_jobs import COPIES_KEPT_DAYS

PART_BYTES = 64 * 2**20
"""Of a copy in parts, and the largest object that is copied whole: a minute between continents."""
_MOST_PARTS = 9_000
_AT_ONCE = 8
_FRESH = timedelta(days=COPIES_KEPT_DAYS / 2)
"""A copy that is older is written anew within its region, or it would expire before its job."""


@dataclass
class Copier:
    """Copies objects to one region for one job.

    Attributes:
        pulse: Called between copies; may raise to end them.
        deadline: By the monotonic clock.
        transfers: What was moved from another region so far.
    """

    target: Place
    ledger: CopyLedger
    owner: str
    deadline: float
    pulse: Callable[[], None]
    transfers: list[Transfer] = field(default_factory=list)
    _locks: dict[str, Lock] = field(default_factory=dict)

    def copy_all(self, source: Place, keys: Iterable[str]) -> None:
        """Copy objects under their own keys.

        Raises:
            CopyUnfinished: some are missing; the next call goes on.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            copies = [pool.submit(self.copy, source, key) for key in keys]
        unfinished = None
        for copy in copies:
            try:
                copy.result()
            except CopyUnfinished as error:
                unfinished = error
        if unfinished is not None:
            raise unfinished

    def copy(self, source: Place, key: str) -> None:
        """Copy one object, unless the region has its content.

        Raises:
            CopyUnfinished: there was no time, or another job is copying it.
            FileNotFoundError: when there is no such object.
        """
        self._go_on()
        content = find_content(source.files, key)
        if content is None:
            raise FileNotFoundError(f"{source.files.uri(key)} does not exist")
        there = find_content(self.target.files, key)
        if there is not None and there.identity == content.identity:
            if now() - there.modified > _FRESH:
                self.rewrite(there, key)
                self._note(content, key)
            return
        # Two equal files of one job: the second waits, and is copied within the region.
        with self._locks.setdefault(content.identity, Lock()):
            self._bring(source, content, key)

    def _bring(self, source: Place, content: Content, key: str) -> None:
        """Copy what is not under this key, from wherever it is nearest."""
        if (held := self._held(content)) is not None:
            self.rewrite(held, key)
            return
        entry = self.ledger.claim(content.identity, key, self.owner)
        if content.size <= PART_BYTES:
            self._whole(content, key)
            self._meter(source, content, key, content.size)
        else:
            self._in_parts(source, content, key, entry)
        self._note(content, key)

    def _held(self, content: Content) -> Content | None:
        """The same content under another key of the region."""
        entry = self.ledger.find(content.identity)
        if entry is None or not entry.done:
            return None
        held = find_content(self.target.files, entry.key)
        return held if held is not None and held.identity == content.identity else None

    def _note(self, content: Content, key: str) -> None:
        done = CopyEntry(key=key, owner=self.owner, at=time.time(), done=True)
        self.ledger.put(content.identity, done)

    def rewrite(self, held: Content, key: str) -> None:
        """Copy what is in the region already, under its own key or another."""
        if held.size <= PART_BYTES:
            self._whole(held, key)
            return
        upload_id = self._begin(held, key)
        try:
            self._copy_parts(held, key, upload_id, {}, lambda _: None)
        except BaseException:
            where = {"Bucket": self.target.bucket, "Key": key, "UploadId": upload_id}
            self._s3.abort_multipart_upload(**where)
            raise

    def _whole(self, content: Content, key: str) -> None:
        self._s3.copy_object(
            Bucket=self.target.bucket,
            Key=key,
            CopySource=content.source,
            CopySourceIfMatch=content.etag,
            MetadataDirective="REPLACE",
            **self._written_as(content),
        )

    def _in_parts(self, source: Place, content: Content, key: str, entry: CopyEntry) -> None:
        """Copy a large object from another region, going on with what is there of it."""
        upload_id, there = entry.upload_id, None
        if upload_id is not None:
            there = self._parts_of(key, upload_id)
        if upload_id is None or there is None:
            upload_id, there = self._begin(content, key), {}
            self.ledger.put(content.identity, entry.model_copy(update={"upload_id": upload_id}))
        moved: list[int] = []
        try:
            self._copy_parts(content, key, upload_id, there, moved.append)
        finally:
            self._meter(source, content, key, sum(moved))

    def _copy_parts(
        self,
        content: Content,
        key: str,
        upload_id: str,
        there: dict[int, str],
        moved: Callable[[int], None],
    ) -> None:
        """Copy the parts that are not there, and put them together."""
        length = max(PART_BYTES, math.ceil(content.size / _MOST_PARTS))
        where = {"Bucket": self.target.bucket, "Key": key, "UploadId": upload_id}

        def copy_part(number: int) -> str:
            self._go_on()
            first = (number - 1) * length
            last = min(first + length, content.size) - 1
            copied = self._s3.upload_part_copy(
                **where,
                PartNumber=number,
                CopySource=content.source,
                CopySourceRange=f"bytes={first}-{last}",
                CopySourceIfMatch=content.etag,
            )
            moved(last - first + 1)
            return str(copied["CopyPartResult"]["ETag"])

        numbers = range(1, math.ceil(content.size / length) + 1)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            made = {n: pool.submit(copy_part, n) for n in numbers if n not in there}
        tags = there | {number: part.result() for number, part in made.items()}
        parts = [{"PartNumber": number, "ETag": tags[number]} for number in numbers]
        self._s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    def _begin(self, content: Content, key: str) -> str:
        kept = {"Bucket": content.bucket.name, "Key": content.key}
        found = content.bucket.client.get_object_tagging(**kept)["TagSet"]
        tags = urlencode([(tag["Key"], tag["Value"]) for tag in found])
        begun = self._s3.create_multipart_upload(
            Bucket=self.target.bucket,
            Key=key,
            **self._written_as(content),
            **({"Tagging": tags} if tags else {}),
        )
        return str(begun["UploadId"])

    def _parts_of(self, key: str, upload_id: str) -> dict[int, str] | None:
        """Number → ETag of the parts of an upload; None if it is gone."""
        where = {"Bucket": self.target.bucket, "Key": key, "UploadId": upload_id}
        try:
            pages = list(self._s3.get_paginator("list_parts").paginate(**where))
        except ClientError as error:
            if error_code(error) in ("NoSuchUpload", "404"):
                return None
            raise
        return {
            part["PartNumber"]: part["ETag"] for page in pages for part in page.get("Parts", ())
        }

    def _written_as(self, content: Content) -> dict[str, Any]:
        return {
            "ContentType": content.content_type,
            "Metadata": content.marked,
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": self.target.kms_key_arn,
            "BucketKeyEnabled": True,
        }

    def _meter(self, source: Place, content: Content, key: str, num_bytes: int) -> None:
        if num_bytes == 0 or source.region == self.target.region:
            return
        transfer = Transfer(
            at=now(),
            source=content.bucket.uri(content.key),
            target=self.target.files.uri(key),
            source_region=source.region,
            target_region=self.target.region,
            num_bytes=num_bytes,
        )
        self.transfers.append(transfer)

    def _go_on(self) -> None:
        self.pulse()
        if time.monotonic() > self.deadline:
            raise CopyUnfinished(f"not everything is in {self.target.region} yet; call again")

    @property
    def _s3(self) -> Any:
        return self.target.files.client


def keep_copy(place: Place, key: str) -> bool:
    """Write a copy anew where it is, if it has lain for half as long as it may.

    Returns:
        Whether that was due.
    """
    held = find_content(place.files, key)
    if held is None or now() - held.modified <= _FRESH:
        return False
    ledger = CopyLedger(place.files, place.region)
    Copier(place, ledger, key, math.inf, lambda: None).rewrite(held, key)
    return True
