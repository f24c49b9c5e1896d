"""Archives are what goes into them, and nothing else."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from infra.packaging.archives import digest, keep_current, tar_gz, zipped


@pytest.fixture
def files(tmp_path):
    (tmp_path / "b").write_text("second")
    (tmp_path / "a").write_text("first")
    return {"x/b": tmp_path / "b", "x/a": tmp_path / "a"}


@pytest.mark.parametrize("pack", [tar_gz, zipped])
def test_the_order_of_files_does_not_change_the_bytes(files, pack):
    assert pack(files) == pack(dict(reversed(files.items())))


def test_entries_have_names_and_contents_only(files):
    with tarfile.open(fileobj=io.BytesIO(tar_gz(files))) as archive:
        entries = archive.getmembers()
        assert {(entry.mtime, entry.uid, entry.uname) for entry in entries} == {(0, 0, "")}
        assert archive.extractfile("x/a").read() == b"first"
    with zipfile.ZipFile(io.BytesIO(zipped(files))) as archive:
        assert archive.namelist() == ["x/a", "x/b"]
        assert archive.read("x/b") == b"second"


def test_a_digest_tells_contents_and_names_apart(files):
    one = digest([("a", files["x/a"])])
    assert one == digest([("a", files["x/a"])])
    assert len({one, digest([("b", files["x/a"])]), digest([("a", files["x/b"])])}) == 3


def test_an_archive_is_built_once_for_the_same_inputs(tmp_path):
    target = tmp_path / "new" / "archive"
    assert keep_current(target, "one", lambda: b"first").read_bytes() == b"first"
    assert keep_current(target, "one", lambda: b"second").read_bytes() == b"first"
    assert keep_current(target, "two", lambda: b"second").read_bytes() == b"second"
