"""Where each content lies in a region, and who is copying it there: so nothing is moved twice.

An entry is an object named by the content, in the worker's bucket. S3's conditional writes let one
job of several claim a copy; the others find it unfinished and come again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import error_code
from stratos.contracts.bucket import COPIES_PREFIX
from stratos.errors import CopyUnfinished
from stratos.frozen import FrozenModel

CLAIM_SECONDS = 1200.0
"""After so long without a word, whoever copied is taken for dead: no function runs for so long."""
_LOST_RACE = ("PreconditionFailed", "ConditionalRequestConflict")


class CopyEntry(FrozenModel):
    """One content in one region."""

    key: str
    """Where it lies, or is being copied to."""
    owner: str
    """The job for which it is copied."""
    at: float
    """Unix seconds of the last word of its owner."""
    upload_id: str | None = None
    """Of the copy in parts that goes on."""
    done: bool = False


@dataclass(frozen=True)
class CopyLedger:
    """The entries of one region.

    Args:
        bucket: The worker's, also for what is copied home.
        region: That the contents are copied to.
    """

    bucket: Bucket
    region: str

    def find(self, identity: str) -> CopyEntry | None:
        return self.bucket.find_model(self._key(identity), CopyEntry)

    def claim(self, identity: str, key: str, owner: str) -> CopyEntry:
        """Begin a copy, or go on with one of the same owner or of one that is gone.

        Raises:
            CopyUnfinished: another job is copying the same content.
        """
        found, etag = self._read(identity)
        mine = found is None or found.done or found.owner == owner
        if found is not None and not mine and time.time() - found.at < CLAIM_SECONDS:
            raise CopyUnfinished(f"{key} is being copied to {self.region} for {found.owner}")
        goes_on = found is not None and not found.done and found.key == key
        entry = CopyEntry(
            key=key,
            owner=owner,
            at=time.time(),
            upload_id=found.upload_id if found is not None and goes_on else None,
        )
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            self.bucket.client.put_object(
                Bucket=self.bucket.name,
                Key=self._key(identity),
                Body=entry.model_dump_json().encode(),
                **condition,
            )
        except ClientError as error:
            if error_code(error) not in _LOST_RACE:
                raise
            raise CopyUnfinished(f"another job has begun to copy {key} to {self.region}") from error
        return entry

    def put(self, identity: str, entry: CopyEntry) -> None:
        self.bucket.put_model(self._key(identity), entry)

    def _key(self, identity: str) -> str:
        return f"{COPIES_PREFIX}{self.region}/{identity}"

    def _read(self, identity: str) -> tuple[CopyEntry | None, str | None]:
        try:
            got = self.bucket.client.get_object(Bucket=self.bucket.name, Key=self._key(identity))
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return None, None
            raise
        return CopyEntry.model_validate_json(got["Body"].read()), got["ETag"]
