"""Contents as files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from infra.local.s3.bodies import BodyStore


@pytest.fixture
def store(tmp_path: Path) -> BodyStore:
    made = BodyStore(tmp_path / "objects")
    made.clear()
    return made


def test_a_range_of_a_range_is_a_range(store: BodyStore) -> None:
    body = store.write([b"0123", b"456789"])
    assert len(body) == 10
    assert body[2:8].read() == b"234567"
    assert body[2:8][1:100].read() == b"34567"
    assert body[20:30].read() == b""


def test_the_digest_is_that_of_the_range(store: BodyStore) -> None:
    body = store.write([b"0123456789"])
    assert body.md5 == hashlib.md5(b"0123456789").hexdigest()
    assert body[3:5].md5 == hashlib.md5(b"34").hexdigest()


def test_a_file_goes_with_the_last_that_refers_to_it(store: BodyStore, tmp_path: Path) -> None:
    body = store.write([b"content"])
    part = body[1:3]
    del body
    assert part.read() == b"on"
    del part
    assert not list((tmp_path / "objects").iterdir())


def test_an_adopted_file_is_shared_and_stays_where_it_was(store: BodyStore, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"content")
    one, two = store.adopt(kept), store.adopt(kept)
    assert one.file is two.file
    assert two.read() == b"content"
    del one, two
    assert kept.read_bytes() == b"content"
    assert not list((tmp_path / "objects").iterdir())


def test_a_store_begins_empty_after_a_cloud_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "left").write_bytes(b"content")
    BodyStore(tmp_path / "objects").clear()
    assert not list((tmp_path / "objects").iterdir())
