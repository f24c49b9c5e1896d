"""Bucket contents on disk."""

from __future__ import annotations

from pathlib import Path

from restarts import serving


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
