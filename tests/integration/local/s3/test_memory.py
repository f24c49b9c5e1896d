"""What the daemon holds in memory does not grow with the bytes that it stores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from boto3.s3.transfer import TransferConfig
from moto_cloud import Cloud

from infra.local import daemon
from infra.local.host.settings import LocalSettings
from tests.patience import eventually

OBJECT_BYTES, NUM_OBJECTS = 8_000_000, 25
BOX = {"Bucket": "box"}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[LocalSettings]:
    local = LocalSettings(state_dir=tmp_path / "state")
    yield local
    daemon.stop(local)


def test_memory_grows_by_a_small_part_of_what_is_stored(
    settings: LocalSettings, tmp_path: Path
) -> None:
    port = int(daemon.start(settings).rpartition(":")[2])
    s3 = Cloud(settings.model_copy(update={"port": port}))("s3")
    process = psutil.Process(daemon.status(settings).pid)
    s3.create_bucket(**BOX)
    s3.put_bucket_versioning(**BOX, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(**BOX, Key="first", Body=b"loads what is loaded once")
    before = process.memory_info().rss
    held = [before]

    content = os.urandom(OBJECT_BYTES)
    for number in range(NUM_OBJECTS):  # a few keys, of many versions each
        s3.put_object(**BOX, Key=f"k{number % 4}", Body=content)
    (tmp_path / "model").write_bytes(content * 5)
    parts = TransferConfig(multipart_threshold=1, multipart_chunksize=OBJECT_BYTES)
    s3.upload_file(str(tmp_path / "model"), "box", "model", Config=parts)
    s3.copy_object(**BOX, Key="copy", CopySource=BOX | {"Key": "model"})
    held.append(process.memory_info().rss)

    versions = s3.list_object_versions(**BOX)["Versions"]
    stored = sum(version["Size"] for version in versions)
    assert stored > NUM_OBJECTS * OBJECT_BYTES
    for version in versions:
        named = BOX | {"Key": version["Key"], "VersionId": version["VersionId"]}
        assert sum(map(len, s3.get_object(**named)["Body"].iter_chunks(2**20))) == version["Size"]
    held.append(process.memory_info().rss)
    for version in versions:
        s3.delete_object(**BOX, Key=version["Key"], VersionId=version["VersionId"])
    eventually(lambda: not list((settings.state_dir / "saved" / "blobs").iterdir()))
    held.append(process.memory_info().rss)

    assert max(held) - before < stored / 5
