"""Bucket contents on disk: what the objects are, and the files that hold their bytes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends

from infra.local.host.settings import ACCOUNT_ID
from infra.local.s3.bodies import BodyStore, DamagedContentError, ObjectBody
from infra.local.saved.journal import link_into


class SavedBodies:
    """Contents of saved objects: second names of the files that the running cloud has.

    Neither direction copies a content. Files of earlier versions have other names, and are read.
    """

    def __init__(self, directory: Path, live: Path) -> None:
        self._directory = directory
        self._live = BodyStore(live)
        self._there: set[str] = set()
        self.damaged: list[str] = []
        """Objects that were restored with a content that is cut or gone, in words."""

    def put(self, body: ObjectBody) -> str:
        if body.name not in self._there:
            self._directory.mkdir(parents=True, exist_ok=True)
            body.link_to(self._directory / body.name)
            self._there.add(body.name)
        return body.name

    def get(self, version: Mapping[str, Any], told: str) -> ObjectBody:
        """The content of a saved version, damaged or not.

        Args:
            told: What the object is called, should it be damaged.
        """
        name: str = version["blob"]
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no name of a content")
        etag: str = version["etag"]
        # Before sizes and digests were saved, there was the tag: of an object put in one piece.
        md5 = version.get("md5") or (None if "-" in etag else etag)
        body = self._live.adopt(self._directory / name, version.get("num_bytes"), md5)
        try:
            body.file.check_size()
        except DamagedContentError as error:
            self.damaged.append(f"{told}: {error}")
        return body

    def put_aside(self, used: Collection[str], folder: Path) -> None:
        """Give every other content a second name, in a folder."""
        for path in self._others(used):
            link_into(folder, path)

    def forget_all_but(self, used: Collection[str]) -> None:
        """Delete every other content."""
        for path in self._others(used):
            path.unlink()
            self._there.discard(path.name)

    def _others(self, used: Collection[str]) -> list[Path]:
        if not self._directory.exists():
            return []
        return [path for path in self._directory.iterdir() if path.name not in used]


def saved_objects(bodies: SavedBodies) -> dict[str, Any]:
    """Every bucket: region, versioning status and object versions, oldest first.

    Read from moto's backend, because the API neither gives nor takes version ids on a put.
    """
    return {
        name: {
            "region": bucket.region_name,
            "versioning": bucket.versioning_status,
            "objects": {
                key: [_saved_version(version, bodies) for version in list(versions)]
                for key in list(bucket.keys)
                if (versions := bucket.keys.getlist(key))
            },
        }
        for name, bucket in list(_backend().buckets.items())
    }


def blobs_of(buckets: Mapping[str, Any]) -> Iterator[str]:
    """The contents that saved buckets have."""
    for bucket in buckets.values():
        for versions in bucket["objects"].values():
            yield from (version["blob"] for version in versions if not version["deleted"])


def saved_changes(
    bucket_name: str, key: str, bodies: SavedBodies, after: str | None = None
) -> dict[str, Any] | None:
    """One object's versions, and of its bucket what a new one needs; None without a bucket.

    Args:
        after: A version that is known; only those after it are given, or it alone if it is the
            last. None for all: also where versions have gone.
    """
    bucket = _backend().buckets.get(bucket_name)
    if bucket is None:
        return None
    versions = list(bucket.keys.getlist(key) or [])
    new = None if after is None or not bucket.is_versioned else _after(versions, after)
    return {
        "bucket": bucket_name,
        "region": bucket.region_name,
        "versioning": bucket.versioning_status,
        "key": key,
        "whole": new is None,
        "versions": [_saved_version(one, bodies) for one in (versions if new is None else new)],
    }


def _after(versions: list[Any], known: str) -> list[Any] | None:
    """The versions after one; None where it is not among them."""
    for place in range(len(versions) - 1, -1, -1):
        if str(versions[place]._version_id) == known:
            return versions[place + 1 :] or versions[place:]
    return None


def put_key(buckets: dict[str, Any], saved: dict[str, Any]) -> None:
    """Bring saved buckets up to what `saved_changes` gave."""
    new = {"region": saved["region"], "objects": {}}
    bucket = buckets.setdefault(saved["bucket"], new)
    bucket["versioning"] = saved["versioning"]
    held = [] if saved["whole"] else bucket["objects"].get(saved["key"], [])
    places = {version["id"]: place for place, version in enumerate(held)}
    for version in saved["versions"]:
        if version["id"] in places and not saved["whole"]:
            held[places[version["id"]]] = version
        else:
            held.append(version)
    if held:
        bucket["objects"][saved["key"]] = held
    else:
        bucket["objects"].pop(saved["key"], None)


def restore_objects(bucket_name: str, saved: dict[str, Any], bodies: SavedBodies) -> None:
    """Put saved objects into an existing bucket, without events: nothing new happened."""
    backend = _backend()
    bucket = backend.buckets[bucket_name]
    bucket.versioning_status = saved["versioning"] or bucket.versioning_status
    for key, versions in saved["objects"].items():
        restored: list[Any] = []
        for version in versions:
            if version["deleted"]:
                marker = FakeDeleteMarker(key=restored[-1] if restored else _key(bucket, key, b""))
                marker._version_id = version["id"]
                marker.last_modified = datetime.fromisoformat(version["modified"])
                restored.append(marker)
                continue
            told = f"s3://{bucket_name}/{key}"
            entry = _key(bucket, key, bodies.get(version, told))
            entry._version_id = version["id"]
            entry._is_versioned = bucket.is_versioned
            entry._etag = version["etag"]
            entry.last_modified = datetime.fromisoformat(version["modified"])
            entry.set_metadata(version["metadata"], replace=True)
            entry.set_storage_class(version["storage_class"])
            entry.encryption = version["encryption"]
            _set_checksum(entry, version)
            if version["tags"]:
                backend.tagger.tag_resource(
                    entry.arn, [{"Key": k, "Value": v} for k, v in version["tags"].items()]
                )
            restored.append(entry)
        if restored:  # moto cannot list a bucket that has a key without a version
            bucket.keys.setlist(key, restored)


def _saved_version(version: Any, bodies: SavedBodies) -> dict[str, Any]:
    common = {"id": version._version_id, "modified": version.last_modified.isoformat()}
    if isinstance(version, FakeDeleteMarker):
        return common | {"deleted": True}
    return common | {
        "deleted": False,
        "blob": bodies.put(version.body),
        "num_bytes": version.body.file.num_bytes,
        "md5": version.body.file.md5,
        "etag": version.etag.strip('"'),
        "metadata": dict(version.metadata),
        "storage_class": version.storage_class,
        "encryption": version.encryption,
        "checksum_algorithm": version.checksum_algorithm,
        "checksum_value": version.checksum_value,
        "checksum_type": version.checksum_type,
        "checksum_parts": version.checksum_parts,
        "tags": _backend().tagger.get_tag_dict_for_resource(version.arn),
    }


def _set_checksum(entry: Any, saved: Mapping[str, Any]) -> None:
    if "checksum_type" not in saved and "-" in saved["etag"]:
        return  # before its kind was saved; one of parts is no checksum of the whole
    entry.checksum_algorithm = saved["checksum_algorithm"]
    entry.checksum_value = saved["checksum_value"]
    entry.checksum_type = saved.get("checksum_type")
    entry.checksum_parts = saved.get("checksum_parts")


def _key(bucket: Any, name: str, content: ObjectBody | bytes) -> Any:
    return FakeKey(
        name=name,
        value=content,
        account_id=ACCOUNT_ID,
        region_name=bucket.region_name,
        bucket_name=bucket.name,
    )


def _backend() -> Any:
    return s3_backends[ACCOUNT_ID]["aws"]
