"""Bucket contents on disk."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import is_zipfile

import pytest
from assembly import ROLE, function, template, write_assembly
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from moto_cloud import Cloud
from restarts import serving

from infra.local.cloudformation.deploy import deploy
from infra.local.saved.objects import SavedBodies
from infra.local.saved.state import RestoreError


def test_a_content_is_kept_once_and_forgotten_when_nothing_has_it(tmp_path: Path) -> None:
    bodies = tmp_path / "saved" / "blobs"
    with serving(tmp_path) as cloud:
        s3 = cloud("s3")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="one", Body=b"same")
        s3.copy_object(Bucket="kept", Key="two", CopySource={"Bucket": "kept", "Key": "one"})
        s3.put_object(Bucket="kept", Key="three", Body=b"other")
    assert len(list(bodies.iterdir())) == 2
    with serving(tmp_path) as cloud:
        cloud("s3").delete_object(Bucket="kept", Key="three")
    assert [path.read_bytes() for path in bodies.iterdir()] == [b"same"]


def test_saving_and_restoring_copy_no_content(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        cloud("s3").create_bucket(Bucket="kept")
        cloud("s3").put_object(Bucket="kept", Key="one", Body=b"content")
        [live] = (tmp_path / "objects").iterdir()
        inode = live.stat().st_ino
    [saved] = (tmp_path / "saved" / "blobs").iterdir()
    assert saved.stat().st_ino == inode
    with serving(tmp_path) as cloud:
        [live] = (tmp_path / "objects").iterdir()
        assert live.stat().st_ino == inode
        assert cloud("s3").get_object(Bucket="kept", Key="one")["Body"].read() == b"content"


def test_what_was_saved_stays_when_the_object_changes(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        cloud("s3").create_bucket(Bucket="kept")
        cloud("s3").put_object(Bucket="kept", Key="one", Body=b"first")
    with serving(tmp_path) as cloud:
        cloud("s3").put_object(Bucket="kept", Key="one", Body=b"second")
        # As they lie there if this process is now killed: the last save's, and what came after it.
        kept = (tmp_path / "saved" / "blobs").iterdir()
        assert {path.read_bytes() for path in kept} == {b"first", b"second"}


def read(cloud: Cloud, key: str) -> bytes:
    content: bytes = cloud("s3").get_object(Bucket="kept", Key=key)["Body"].read()
    return content


def test_a_damaged_content_is_told_when_it_is_read_and_takes_nothing_else_with_it(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as cloud:
        s3 = cloud("s3")
        s3.create_bucket(Bucket="kept")
        for key in ("cut", "changed", "gone", "sound"):
            s3.put_object(Bucket="kept", Key=key, Body=f"content of {key}".encode())
    for path in (tmp_path / "saved" / "blobs").iterdir():
        match path.read_bytes():
            case b"content of cut":
                path.write_bytes(b"cont")
            case b"content of changed":
                path.write_bytes(b"Content of changed")
            case b"content of gone":
                path.unlink()
    with serving(tmp_path) as cloud:
        listed = cloud("s3").list_objects_v2(Bucket="kept")["Contents"]
        sizes = {key: len(f"content of {key}") for key in ("cut", "changed", "gone", "sound")}
        assert {item["Key"]: item["Size"] for item in listed} == sizes
        assert read(cloud, "sound") == b"content of sound"
        for key, found in (
            ("cut", "has 4 bytes; it was written with 14"),
            ("changed", "has the MD5 digest .* it was written with"),
            ("gone", "is gone"),
        ):
            words = f"content of s3://kept/{key} is damaged: .*{found}.*Put the object again"
            with pytest.raises(ClientError, match=words) as told:
                read(cloud, key)
            assert told.value.response["Error"]["Code"] == "DamagedObject"
            source = {"Bucket": "kept", "Key": key}
            with pytest.raises(ClientError, match="is damaged"):
                cloud("s3").copy_object(Bucket="kept", Key="copy", CopySource=source)
            with pytest.raises(ClientError, match="is damaged"):
                cloud("s3").get_object(Bucket="kept", Key=key, Range="bytes=0-2")
    with serving(tmp_path) as cloud:
        with pytest.raises(ClientError, match="has 4 bytes; it was written with 14"):
            read(cloud, "cut")  # it was saved as what it was written with
        cloud("s3").put_object(Bucket="kept", Key="cut", Body=b"anew")
        cloud("s3").delete_object(Bucket="kept", Key="gone")
    with serving(tmp_path) as cloud:
        assert read(cloud, "cut") == b"anew"
        names = [item["Key"] for item in cloud("s3").list_objects_v2(Bucket="kept")["Contents"]]
        assert names == ["changed", "cut", "sound"]


def test_sizes_are_looked_at_when_the_cloud_comes_up(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        cloud("s3").create_bucket(Bucket="kept")
        for key in ("one", "two"):
            cloud("s3").put_object(Bucket="kept", Key=key, Body=key.encode())
    [path] = (p for p in (tmp_path / "saved" / "blobs").iterdir() if p.read_bytes() == b"two")
    path.unlink()
    (tmp_path / "live").mkdir()
    bodies = SavedBodies(tmp_path / "saved" / "blobs", tmp_path / "live")
    versions = json.loads((tmp_path / "saved" / "state.json").read_text())["buckets"]["kept"]
    for key, [version] in versions["objects"].items():
        bodies.get(version, f"s3://kept/{key}")
    [words] = bodies.damaged
    assert words.startswith("s3://kept/two: the file ")


def as_before_there_were_digests(saved: Path) -> None:
    """Leave out what an earlier version did not save."""
    state = json.loads(saved.read_text())
    for versions in state["buckets"]["kept"]["objects"].values():
        for version in versions:
            for name in ("num_bytes", "md5", "checksum_type", "checksum_parts"):
                del version[name]
    saved.write_text(json.dumps(state))


def test_an_object_of_parts_is_read_again_by_clients_that_check_it(tmp_path: Path) -> None:
    content = bytes(range(256)) * 24 * 1024
    (tmp_path / "model").write_bytes(content)
    parts = TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 2**20)
    state = tmp_path / "state"
    with serving(state) as cloud:
        cloud("s3").create_bucket(Bucket="kept")
        cloud("s3").upload_file(str(tmp_path / "model"), "kept", "model", Config=parts)
        source = {"Bucket": "kept", "Key": "model"}
        source = {"Bucket": "kept", "Key": "model"}
        cloud("s3").copy_object(Bucket="kept", Key="copy", CopySource=source)
        assert read(cloud, "model") == read(cloud, "copy") == content
        for key in ("sound", "other"):
            cloud("s3").put_object(Bucket="kept", Key=key, Body=key.encode())
    with serving(state) as cloud:
        assert read(cloud, "model") == read(cloud, "copy") == content
    as_before_there_were_digests(state / "saved" / "state.json")
    for path in (state / "saved" / "blobs").iterdir():
        if path.read_bytes() == b"other":
            path.write_bytes(b"OTHER")
    with serving(state) as cloud:
        assert (read(cloud, "model"), read(cloud, "sound")) == (content, b"sound")
        with pytest.raises(ClientError, match="is damaged"):
            read(cloud, "other")


def test_a_stack_whose_code_is_damaged_is_not_made_again_and_the_code_is_named(
    tmp_path: Path,
) -> None:
    content = template({"Role": ROLE, "Work": function("work")})
    sources = {"work": {"app.py": "def handler(event, context):\n    return event\n"}}
    assembly = write_assembly(tmp_path / "assembly", "Kept", content, sources)
    with serving(tmp_path / "state") as cloud:
        deploy(assembly, cloud.settings.endpoint_url, cloud.settings.key.owner)
    before = (tmp_path / "state" / "saved" / "state.json").read_bytes()
    [path] = (p for p in (tmp_path / "state" / "saved" / "blobs").iterdir() if is_zipfile(p))
    path.write_bytes(b"cut")
    with (
        pytest.raises(RestoreError, match=r"content of s3://cdk-.*/work\.zip .*has 3 bytes"),
        serving(tmp_path / "state"),
    ):
        pass
    assert (tmp_path / "state" / "saved" / "state.json").read_bytes() == before
