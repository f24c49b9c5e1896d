"""Objects of a versioned bucket: every version under a prefix, listed and deleted for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stratos.cli.stack import Stack
from stratos.errors import StratosError
from stratos.units import count, figure

_KEYS_PER_CALL = 1000
"""What DeleteObjects takes."""
_ROUNDS = 3
"""Something that ends late may write while its run is deleted."""


@dataclass(frozen=True)
class KeptObjects:
    """What a bucket keeps under one prefix, whether or not it is still shown."""

    prefix: str
    versions: tuple[tuple[str, str], ...]
    """Key and version of every content and of every delete marker."""
    uploads: tuple[tuple[str, str], ...]
    """Key and id of every upload in parts that was not completed."""
    num_bytes: int
    """Of the versions; S3 does not tell what the parts of an upload come to."""
    region: str = ""
    """The worker region whose bucket it is; empty for the stack's own."""

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(key for key, _ in self.versions)

    def __bool__(self) -> bool:
        return bool(self.versions or self.uploads)

    def told(self) -> str:
        """Their number and size, in words."""
        megabytes = figure(self.num_bytes / 1e6, 3)
        objects, versions = count(len(self.keys), "object"), count(len(self.versions), "version")
        unfinished = f", {count(len(self.uploads), 'unfinished upload')}" if self.uploads else ""
        where = f" in {self.region}" * bool(self.region)
        return f"{self.prefix}{where}: {objects} in {versions}, {megabytes} MB{unfinished}"


def kept_under(stack: Stack, prefix: str) -> KeptObjects:
    """List what the stack's bucket keeps under a prefix."""
    versions: list[tuple[str, str]] = []
    num_bytes = 0
    pages = stack.s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=stack.bucket, Prefix=prefix):
        for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            versions.append((item["Key"], item["VersionId"]))
            num_bytes += item.get("Size", 0)
    uploads = tuple(_uploads(stack, prefix))
    return KeptObjects(prefix, tuple(versions), uploads, num_bytes, stack.elsewhere)


def delete_kept(stack: Stack, kept: KeptObjects) -> None:
    """Delete all that is kept under a prefix, and look that nothing is left.

    Raises:
        StratosError: S3 refuses some of it, or something goes on writing.
    """
    left = kept
    for _ in range(_ROUNDS):
        _delete(stack, left)
        left = kept_under(stack, kept.prefix)
        if not left:
            return
    raise StratosError(
        f"{left.told()}, after {_ROUNDS} rounds of deleting: something still writes there. See "
        "that no job of the run goes on, and repeat the command"
    )


def _uploads(stack: Stack, prefix: str) -> Iterator[tuple[str, str]]:
    pages = stack.s3.get_paginator("list_multipart_uploads")
    for page in pages.paginate(Bucket=stack.bucket, Prefix=prefix):
        for item in page.get("Uploads", ()):
            yield item["Key"], item["UploadId"]


def _delete(stack: Stack, kept: KeptObjects) -> None:
    for key, upload_id in kept.uploads:
        stack.s3.abort_multipart_upload(Bucket=stack.bucket, Key=key, UploadId=upload_id)
    for first in range(0, len(kept.versions), _KEYS_PER_CALL):
        listed = kept.versions[first : first + _KEYS_PER_CALL]
        named = [{"Key": key, "VersionId": version} for key, version in listed]
        answer = stack.s3.delete_objects(
            Bucket=stack.bucket, Delete={"Objects": named, "Quiet": True}
        )
        if errors := answer.get("Errors"):
            raise StratosError(
                f"S3 refused to delete {len(errors)} of {len(listed)} versions under "
                f"{kept.prefix}, {errors[0]['Key']} for one ({errors[0]['Code']}: "
                f"{errors[0].get('Message', '')}). It takes s3:DeleteObjectVersion there; the "
                "others are gone, so repeat the command once you have it"
            )
