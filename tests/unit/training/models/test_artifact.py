"""A model artifact brought back onto disk."""

import io
import tarfile

import pytest

from training.models.artifact import fetch_artifact

URI = "s3://bucket/model.tar.gz"


class Downloads:
    """An object store that holds one archive."""

    def __init__(self, content):
        self.content = content

    def download(self, uri, path):
        assert uri == URI
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.content)


def archive_of(*names):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return Downloads(packed.getvalue())


def test_an_artifact_is_unpacked_and_its_archive_dropped(tmp_path):
    folder = fetch_artifact(archive_of("config.json", "model.safetensors"), URI, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    "downloads", [Downloads(b"no archive"), archive_of("../outside")], ids=["text", "leads out"]
)
def test_what_is_no_archive_or_leads_out_of_its_folder_is_refused(tmp_path, downloads):
    with pytest.raises(ValueError, match=r"(?s)cannot be unpacked: .* expected a model.tar.gz"):
        fetch_artifact(downloads, URI, tmp_path / "in")
    assert not (tmp_path / "outside").exists()


def test_an_archive_without_a_model_says_what_it_holds(tmp_path):
    with pytest.raises(ValueError, match=r"holds \['readme'\], no config.json"):
        fetch_artifact(archive_of("readme"), URI, tmp_path)
