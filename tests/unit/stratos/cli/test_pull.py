"""A run's model on its way home: whole and as it was trained, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pytest

from stratos.cli.pull import pull
from stratos.cli.runs import find_run
from stratos.contracts.bucket import RunKeys
from stratos.errors import DamagedModel, FolderTaken, ModelNotFound
from tests.unit.stratos.cli.stack_contents import put_run, run

FILES = {"model.safetensors": b"weights", "README.md": b"# how", "adapter/adapter.bin": b"a"}


def archive(files=FILES, listed=FILES):
    """model.tar.gz, whose manifest lists the digests of `listed`."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in listed.items()}
    manifest = json.dumps({"run_id": "r-1", "files": digests}).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in {"manifest.json": manifest, **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def put_archive(stack, content, job="r-1-distill-a0-0", run_id="r-1"):
    key = f"{RunKeys(run_id).models}{job}/output/model.tar.gz"
    stack.s3.put_object(Bucket="bucket", Key=key, Body=content)
    return f"s3://bucket/{key}"


def test_a_pulled_folder_holds_every_file_and_the_runs_report(stack, tmp_path):
    uri = put_archive(stack, archive())
    put_run(stack, "r-1", bucket="bucket", model_artifact=uri)
    stack.s3.put_object(Bucket="bucket", Key=RunKeys("r-1").report, Body=b"<html></html>")
    code, out = run("pull", "r-1", "--to", str(tmp_path / "home"), "--json")
    assert code == 0
    assert json.loads(out)["files"] == {
        **{name: len(content) for name, content in FILES.items()},
        "manifest.json": (tmp_path / "home" / "manifest.json").stat().st_size,
        "report.html": 13,
    }
    for name, content in FILES.items():
        assert (tmp_path / "home" / name).read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_pulled_folder_has_the_learning_curves_and_says_how_to_open_them(stack, tmp_path):
    put_run(stack, "r-1", bucket="bucket", model_artifact=put_archive(stack, archive()))
    for step in ("distill-a0", "distill-a1"):
        key = f"{RunKeys('r-1').events(step)}events.out.tfevents.1.host"
        stack.s3.put_object(Bucket="bucket", Key=key, Body=step.encode())
    key = f"{RunKeys('r-1').events('distill-a1')}../../evil"
    stack.s3.put_object(Bucket="bucket", Key=key, Body=b"outside")
    home = tmp_path / "home"
    code, out = run("pull", "r-1", "--to", str(home))
    assert code == 0
    assert f"tensorboard --logdir {home}/tensorboard" in out
    assert sorted(path.parent.name for path in home.rglob("events.*")) == [
        "distill-a0",
        "distill-a1",
    ]
    assert not list(tmp_path.rglob("evil"))
    code, out = run("pull", "r-1", "--to", str(home))  # checked again, with what was added
    assert code == 0


def test_a_run_that_missed_a_gate_still_gives_the_model_that_it_trained(stack, tmp_path):
    put_archive(stack, archive())
    put_run(stack, "r-1", bucket="bucket", status="failed")
    seen = []
    pull(stack, find_run(stack, "r-1"), tmp_path / "home", seen.append)
    assert (tmp_path / "home" / "model.safetensors").read_bytes() == b"weights"
    assert seen[-1] == len(archive())


def test_the_same_model_is_not_downloaded_twice_but_checked_again(stack, tmp_path):
    put_run(stack, "r-1", bucket="bucket", model_artifact=put_archive(stack, archive()))
    found, folder = find_run(stack, "r-1"), tmp_path / "home"
    pull(stack, found, folder)
    stack.s3.delete_object(Bucket="bucket", Key=found.model_artifact.removeprefix("s3://bucket/"))
    pull(stack, found, folder)
    (folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(DamagedModel, match=r"model\.safetensors of the model differ"):
        pull(stack, found, folder)


def test_a_run_without_a_model_says_what_tells_more(stack, tmp_path):
    put_run(stack, "r-1", bucket="bucket", status="failed")
    with pytest.raises(ModelNotFound, match="r-1 is failed and has no model; `stratos report r-1`"):
        pull(stack, find_run(stack, "r-1"), tmp_path / "home")


def test_a_folder_that_is_there_is_left_alone(stack, tmp_path):
    put_run(stack, "r-1", bucket="bucket", model_artifact=put_archive(stack, archive()))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FolderTaken, match="name another with --to"):
        pull(stack, find_run(stack, "r-1"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (archive({**FILES, "README.md": b"changed"}), "README.md of the model differ"),
        (archive({"README.md": b"# how"}), "adapter/adapter.bin, model.safetensors of the model"),
        (archive()[:100], "cannot be unpacked"),
        (archive({**FILES, "extra.py": b"x"}), "extra.py of the model differ"),
        (archive({}, listed={}), "all files of the model differ"),
        (archive({"manifest.json": b"[]"}), "cannot be read"),
        (archive({**FILES, "../outside": b"x"}), "cannot be unpacked"),
    ],
    ids=[str(number) for number in range(7)],
)
def test_a_damaged_model_leaves_no_folder(stack, tmp_path, content, told):
    put_run(stack, "r-1", bucket="bucket", model_artifact=put_archive(stack, content))
    with pytest.raises(DamagedModel, match=told):
        pull(stack, find_run(stack, "r-1"), tmp_path / "home")
    assert list(tmp_path.iterdir()) == []
