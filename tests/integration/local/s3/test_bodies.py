"""Contents as files."""

from __future__ import annotations

import copy
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.local.s3.bodies import BodyStore, DamagedContentError, ObjectBody


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


def test_a_copy_of_what_refers_to_a_file_keeps_it(store: BodyStore) -> None:
    body = store.write([b"content"])
    twin = copy.deepcopy(body)
    del body
    assert twin.read() == b"content"


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


MD5 = hashlib.md5(b"content").hexdigest()
DAMAGES = {
    "cut": (b"cont", r"has 4 bytes; it was written with 7"),
    "changed": (b"CONTENT", f"has the MD5 digest .*; it was written with {MD5}"),
    "gone": (None, r"the file .* is gone"),
}


def damaged(body: ObjectBody, content: bytes | None) -> None:
    path = body.file.path
    path.unlink()
    if content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_changed_since_it_was_written_is_told(store: BodyStore, damage: str) -> None:
    body = store.write([b"con", b"tent"])
    body.file.check()
    content, words = DAMAGES[damage]
    damaged(body, content)
    with pytest.raises(DamagedContentError, match=words):
        body.file.check()


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_adopted_file_is_held_to_what_was_written(
    store: BodyStore, tmp_path: Path, damage: str
) -> None:
    content, words = DAMAGES[damage]
    if content is not None:
        (tmp_path / "kept").write_bytes(content)
    body = store.adopt(tmp_path / "kept", 7, MD5)
    assert len(body) == 7
    with pytest.raises(DamagedContentError, match=words):
        body.file.check()


def test_a_content_of_which_no_digest_was_kept_is_held_to_its_size(
    store: BodyStore, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_bytes(b"CONTENT")
    store.adopt(tmp_path / "kept").file.check()
    store.adopt(tmp_path / "kept", 7).file.check()


def test_a_file_is_read_as_a_whole_once_and_again_when_it_has_changed(
    store: BodyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_bytes(b"content")
    file = store.adopt(tmp_path / "kept", 7, MD5).file
    read: list[int] = []
    whole = ObjectBody.__iter__
    monkeypatch.setattr(ObjectBody, "__iter__", lambda body: read.append(1) or whole(body))
    file.check()
    file.check()
    assert read == [1]
    os.utime(file.path, ns=(0, 0))
    file.check()
    assert read == [1, 1]


def test_parallel_reads_look_at_a_file_once(
    store: BodyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_bytes(b"content")
    file = store.adopt(tmp_path / "kept", 7, MD5).file
    all_read, read = threading.Barrier(4), []
    look, whole = type(file)._look, ObjectBody.__iter__
    monkeypatch.setattr(ObjectBody, "__iter__", lambda body: read.append(1) or whole(body))

    def look_together(one: object) -> tuple[int, int]:
        found = look(one)
        if threading.current_thread() not in seen:
            seen.add(threading.current_thread())
            all_read.wait(60)
        return found

    seen: set[threading.Thread] = set()
    monkeypatch.setattr(type(file), "_look", look_together)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: file.check(), range(4)))
    assert read == [1]
