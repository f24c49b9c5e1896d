import hashlib
import io
import re
import tarfile
from pathlib import Path

import pytest

from stratos.errors import JobNotStarted
from training.container.packages import NEEDED, interpreter_tag, unpack_packages

ROOT = Path(__file__).parents[4]
BROUGHT = "only_in_the_archive"


def archive_of(folder, tag):
    """A channel with one archive, under the name that an upload may give it."""
    folder.mkdir()
    with tarfile.open(folder / "6f1c.gz", "w:gz") as archive:
        entry = tarfile.TarInfo(f"{tag}/{BROUGHT}/__init__.py")
        archive.addfile(entry, io.BytesIO())
    return folder


def test_an_archive_for_this_interpreter_is_unpacked(tmp_path):
    channel = archive_of(tmp_path / "packages", interpreter_tag())
    folder = unpack_packages(channel, tmp_path / "unpacked", needed=["json", BROUGHT])
    assert folder is not None
    assert (folder / BROUGHT / "__init__.py").exists()


def test_an_archive_for_another_interpreter_stays_packed(tmp_path):
    channel = archive_of(tmp_path / "packages", "cp27-manylinux_x86_64")
    assert unpack_packages(channel, tmp_path / "unpacked", needed=["json"]) is None
    assert not (tmp_path / "unpacked").exists()


def test_what_is_missing_is_said_with_both_interpreters(tmp_path):
    channel = archive_of(tmp_path / "packages", "cp27-manylinux_x86_64")
    with pytest.raises(JobNotStarted) as caught:
        unpack_packages(channel, tmp_path / "unpacked", needed=["json", BROUGHT, "other_one"])
    assert str(caught.value).startswith(f"{BROUGHT}, other_one cannot be imported")
    assert interpreter_tag() in str(caught.value)
    assert "for cp27-manylinux_x86_64" in str(caught.value)


def test_a_job_without_an_archive_needs_its_image_to_have_everything(tmp_path):
    assert unpack_packages(None, tmp_path, needed=["json"]) is None
    with pytest.raises(JobNotStarted, match="it brought no packages"):
        unpack_packages(None, tmp_path, needed=[BROUGHT])


@pytest.mark.parametrize("content", [b"", b"not an archive"])
def test_an_archive_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "a.gz").write_bytes(content)
    with pytest.raises(JobNotStarted, match="cannot be read"):
        unpack_packages(tmp_path / "packages", tmp_path / "unpacked", needed=[])


def test_an_archive_that_was_written_over_is_refused(tmp_path):
    channel = archive_of(tmp_path / "packages", interpreter_tag())
    (archive,) = channel.iterdir()
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(JobNotStarted, match=f"has the SHA-256 {sha256}; {'0' * 64} was deployed"):
        unpack_packages(channel, tmp_path / "out", needed=[], sha256="0" * 64)
    assert unpack_packages(channel, tmp_path / "out", needed=[], sha256=sha256)


def test_a_channel_holds_one_archive(tmp_path):
    (tmp_path / "packages").mkdir()
    with pytest.raises(JobNotStarted, match="one tar archive is needed"):
        unpack_packages(tmp_path / "packages", tmp_path / "unpacked", needed=[])


def test_what_jobs_need_is_what_their_requirements_list():
    lines = (ROOT / "training" / "requirements.txt").read_text().splitlines()
    listed = {re.split(r"[=<>~\[ ]", line)[0] for line in lines if line and line[0] not in "#-"}
    modules = {"pyyaml": "yaml", "phonenumberslite": "phonenumbers", "python-stdnum": "stdnum"}
    imported = {modules.get(name, name) for name in listed}
    assert set(NEEDED) == imported | {"torch"}
