"""Bucket contents on disk."""

from __future__ import annotations

from pathlib import Path

from restarts import serving


def test_content_is_stored_once_and_forgotten_when_nothing_has_it(tmp_path: Path) -> None:
    blobs = tmp_path / "saved" / "blobs"
    with serving(tmp_path) as cloud:
        cloud("s3").create_bucket(Bucket="blobs")
        for key in ("one", "two"):
            cloud("s3").put_object(Bucket="blobs", Key=key, Body=b"same")
        cloud("s3").put_object(Bucket="blobs", Key="three", Body=b"other")
    assert len(list(blobs.iterdir())) == 2
    with serving(tmp_path) as cloud:
        cloud("s3").delete_object(Bucket="blobs", Key="three")
    assert [path.read_bytes() for path in blobs.iterdir()] == [b"same"]
