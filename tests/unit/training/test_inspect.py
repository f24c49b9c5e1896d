"""Inspecting a dataset as SageMaker runs it leaves what InspectDataset leaves."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from stratos.catalog.files import FilesOnDisk
from stratos.contracts.jobs import InspectResult, Progress
from stratos.contracts.records import SPLITS
from stratos.dataset.allowance import UNLIMITED
from stratos.dataset.inspect_dataset import DataFile
from stratos.dataset.inspect_for_run import inspect_for_run
from stratos.dataset.inspection import Inspection
from tests import factories
from tests.unit.training.jobs import BASE, BUCKET, lay_out, read
from training import inspect as program

ROOT = Path(__file__).parents[3]
FOLDER = "specs/tiles/"


def told(**changes):
    """What the job's configuration has beyond that of every job."""
    spec = factories.spec(**changes)
    return {
        "kind": "inspect",
        "spec": spec.model_dump(mode="json"),
        "spec_uri": f"s3://{BUCKET}/{FOLDER}",
        "dataset_root": "",
        "splits_uri": f"s3://{BUCKET}/runs/r/dataset/",
        "content_hash": "a1",
    }


@pytest.fixture
def inspected(tmp_path, s3, monkeypatch):
    """Run the job over files of a dataset channel and return its exit code."""
    for name, content in factories.spec_folder().items():
        s3.put_object(Bucket=BUCKET, Key=FOLDER + name, Body=content)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))

    def run(files, **config):
        channel = tmp_path / "channel"
        for name, content in files.items():
            (channel / name).parent.mkdir(parents=True, exist_ok=True)
            (channel / name).write_bytes(content)
        (tmp_path / "config").mkdir()
        (tmp_path / "model").mkdir()
        base = {k: v for k, v in BASE.items() if k not in ("judging", "batch_size")}
        (tmp_path / "config" / "config.json").write_text(json.dumps(base | told() | config))
        lay_out(tmp_path, config=tmp_path / "config", dataset=channel)
        return program.main()

    return run


def stored(s3, name):
    return s3.get_object(Bucket=BUCKET, Key=f"runs/r/dataset/{name}")["Body"].read()


def test_a_job_leaves_byte_for_byte_what_a_function_leaves(inspected, s3, tmp_path):
    rows = factories.dataset_rows()
    content = factories.jsonl([*rows, rows[0]])
    assert inspected({"dataset.jsonl": content}) == 0
    beside, splits = tmp_path / "beside", tmp_path / "splits"
    for name, body in factories.spec_folder().items():
        (beside / name).parent.mkdir(parents=True, exist_ok=True)
        (beside / name).write_bytes(body)
    (beside / "dataset.jsonl").write_bytes(content)
    splits.mkdir()
    data = [DataFile("dataset.jsonl", lambda: (beside / "dataset.jsonl").open("rb"))]
    found = inspect_for_run(factories.spec(), data, FilesOnDisk(beside), splits, UNLIMITED)
    for split in SPLITS:
        assert stored(s3, f"{split}.jsonl") == (splits / f"{split}.jsonl").read_bytes()
    assert stored(s3, "inspection.json") == found.model_dump_json(indent=2).encode()
    assert found.tokens is not None
    result = read(s3, InspectResult)
    assert (result.content_hash, result.refused, result.problems) == ("a1", None, ())
    progress = read(s3, Progress, "progress.json")
    assert (progress.step, progress.label) == ("inspect", "uploading the splits")


def test_splits_are_tagged_as_records_that_expire(inspected, s3):
    assert inspected({"dataset.jsonl": factories.jsonl(factories.dataset_rows())}) == 0
    [tag] = s3.get_object_tagging(Bucket=BUCKET, Key="runs/r/dataset/train.jsonl")["TagSet"]
    assert (tag["Key"], tag["Value"]) == ("stratos:kept", "records")


def test_files_of_a_prefix_have_the_names_that_they_have_in_the_folder(inspected, s3):
    rows = factories.dataset_rows()
    packed = gzip.compress(factories.jsonl([*rows[200:], {"broken": 1}]))
    task = factories.spec_dict()["task"] | {"dataset": "logs/", "on_bad_line": "skip"}
    code = inspected(
        {"a.jsonl": factories.jsonl(rows[:200]), "2/b.jsonl.gz": packed, "notes.txt": b"none"},
        spec=factories.spec(task=task).model_dump(mode="json"),
        dataset_root="logs/",
    )
    assert code == 0
    found = Inspection.model_validate_json(stored(s3, "inspection.json"))
    assert sum(found.num_records.values()) == 400
    [line] = found.bad_lines
    assert line.startswith("logs/2/b.jsonl.gz:201: ")


def test_a_dataset_that_cannot_be_used_is_an_answer_and_no_failure(inspected, s3, tmp_path):
    assert inspected({"dataset.jsonl": b"{broken\n"}) == 0
    result = read(s3, InspectResult)
    assert result.refused is not None
    assert result.refused.startswith("1 of 1 lines cannot be read:\n- dataset.jsonl:1: ")
    assert not (tmp_path / "output" / "failure").exists()


def test_a_dataset_is_refused_when_the_time_of_the_job_is_up(inspected, s3):
    content = factories.jsonl(factories.dataset_rows())
    assert inspected({"dataset.jsonl": content}, deadline_seconds=0) == 0
    refused = read(s3, InspectResult).refused
    assert refused is not None
    assert "was not split after 0 s" in refused


def test_a_template_that_refuses_the_dataset_is_a_problem_of_the_spec(inspected, s3):
    refuses = b"{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    s3.put_object(
        Bucket=BUCKET,
        Key=f"{FOLDER}models/student/chat_template.jinja",
        Body=refuses + b"{{ messages[-1].content }}",
    )
    rows = [{"system": "Think.", **row} for row in factories.dataset_rows()]
    assert inspected({"dataset.jsonl": factories.jsonl(rows)}) == 0
    s3.delete_object(Bucket=BUCKET, Key=f"{FOLDER}models/student/chat_template.jinja")
    [problem] = read(s3, InspectResult).problems
    assert problem.path == "students[0].path"
    assert "does not take the roles system, user" in problem.message


def test_an_inspection_starts_without_what_models_need():
    code = "import sys, training.inspect; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
