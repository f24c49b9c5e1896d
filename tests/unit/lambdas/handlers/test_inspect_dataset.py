"""The dataset in three splits, and whether anything changed since the last run."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from lambdas.aws.settings import settings
from lambdas.handlers import inspect_dataset
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import InspectResult
from stratos.dataset.allowance import LARGE_BYTES, MAX_BYTES, MAX_SECONDS
from stratos.dataset.inspection import Inspection
from stratos.dataset.left_out import DUPLICATE
from stratos.errors import DatasetRejected, DatasetTooLarge, SpecRejected
from stratos.problems import Problem
from tests import factories
from tests.unit.lambdas.conftest import BUCKET, Account
from tests.unit.lambdas.pipeline import Pipeline, start


def test_the_dataset_is_split_without_sharing_groups(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    dataset = pipeline.inspect()
    keys = RunKeys(pipeline.run.run_id)
    groups = {
        split: {
            json.loads(line)["group"]
            for line in account.read(f"{keys.dataset}{split}.jsonl").splitlines()
        }
        for split in ("train", "probe", "heldout")
    }
    counts = (dataset["num_train"], dataset["num_probe"], dataset["num_heldout"])
    assert counts == (300, 40, 60)
    assert not groups["train"] & (groups["probe"] | groups["heldout"])
    assert not groups["probe"] & groups["heldout"]


def test_what_was_left_out_and_how_long_texts_are_is_stored(account: Account) -> None:
    pipeline = start(account)
    rows = factories.dataset_rows()
    account.put("specs/tiles/dataset.jsonl", factories.jsonl([*rows, rows[0]]))
    pipeline.parse()
    pipeline.inspect()
    stored = account.read(f"{RunKeys(pipeline.run.run_id).dataset}inspection.json")
    found = Inspection.model_validate_json(stored)
    assert found.left_out[DUPLICATE].examples == (
        "dataset.jsonl:401: the question of dataset.jsonl:1",
    )
    assert found.tokens is not None
    assert found.tokens.num_records == 400


@pytest.mark.parametrize(
    ("newer", "run", "refused"),
    [
        (("dataset.jsonl", "spec.yaml"), {"waited_seconds": 5.0}, True),
        (("models/student/config.json", "spec.yaml"), {"waited_seconds": 5.0}, True),
        (("spec.yaml",), {"waited_seconds": 5.0}, False),
        (("dataset.jsonl",), {"waited_seconds": 5.0}, False),
        (("dataset.jsonl", "spec.yaml"), {}, False),
        (("dataset.jsonl", "spec.yaml"), {"waited_seconds": 5.0, "rerun": True}, False),
    ],
)
def test_a_run_that_waited_takes_no_files_of_a_newer_upload(
    account: Account, newer: tuple[str, ...], run: dict[str, Any], refused: bool
) -> None:
    pipeline = start(account)
    pipeline.run = pipeline.run.model_copy(update=run)
    pipeline.parse()
    for name in newer:
        account.put(f"specs/tiles/{name}", factories.spec_folder()[name] + b"\n")
    if refused:
        with pytest.raises(DatasetRejected, match="the newer upload has a run of its own"):
            pipeline.inspect()
    else:
        assert pipeline.inspect()["num_train"] == 300


@pytest.mark.parametrize("changed", ["nothing", "dataset.jsonl", "models/student/config.json"])
def test_a_rerun_is_unchanged_only_while_every_input_is(account: Account, changed: str) -> None:
    first = start(account).until_deployed()
    first.promote()
    first.report()
    files = factories.spec_folder()
    if changed != "nothing":
        account.put(f"specs/tiles/{changed}", files[changed] + b"\n")
    again = Pipeline(
        account,
        first.run.model_copy(update={"run_id": "tiles-rerun", "rerun": True}),
    )
    again.parse()
    assert again.inspect()["unchanged"] is (changed == "nothing")


def test_a_rerun_of_the_same_inputs_splits_nothing_however_large(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(account).until_deployed()
    first.promote()
    first.report()
    monkeypatch.setenv("LARGE_DATASET_BYTES", "1")
    settings.cache_clear()
    rerun = first.run.model_copy(update={"run_id": "tiles-rerun", "rerun": True})
    again = Pipeline(account, rerun)
    again.parse()
    found = again.inspect()
    assert found["unchanged"] is True
    assert found["num_train"] == first.state["dataset"]["num_train"]
    keys, before = RunKeys("tiles-rerun"), RunKeys(first.run.run_id)
    assert account.keys(keys.dataset) == [f"{keys.dataset}inspection.json"]
    account.put("specs/tiles/dataset.jsonl", factories.jsonl(factories.dataset_rows()) + b"\n")
    with pytest.raises(DatasetTooLarge):
        again.inspect()
    assert account.keys(before.dataset)


def test_a_rerun_whose_last_run_was_deleted_is_split_anew(account: Account) -> None:
    first = start(account).until_deployed()
    first.promote()
    first.report()
    key = f"{RunKeys(first.run.run_id).dataset}inspection.json"
    account.client("s3").delete_object(Bucket=BUCKET, Key=key)
    rerun = first.run.model_copy(update={"run_id": "tiles-rerun", "rerun": True})
    again = Pipeline(account, rerun)
    again.parse()
    assert again.inspect()["unchanged"] is True
    assert len(account.keys(RunKeys("tiles-rerun").dataset)) == 4


def test_a_template_that_refuses_a_role_ends_the_run_as_rejected_with_its_words(
    account: Account,
) -> None:
    refuses = b"{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    rows = [{"system": "Think.", **row} for row in factories.dataset_rows()]
    pipeline = start(account)
    account.put("specs/tiles/dataset.jsonl", factories.jsonl(rows))
    account.put(
        "specs/tiles/models/student/chat_template.jinja", refuses + b"{{ messages[-1].content }}"
    )
    pipeline.parse()
    with pytest.raises(SpecRejected, match="does not take the roles system, user") as refused:
        pipeline.inspect()
    cause = json.dumps({"errorType": "SpecRejected", "errorMessage": str(refused.value)})
    pipeline.state["failure"] = {"Error": "SpecRejected", "Cause": cause}
    pipeline.report("rejected")
    summary = pipeline.summary()
    assert summary.status == "rejected"
    assert summary.reason == f"SpecRejected: {refused.value}"


def test_an_upload_runs_even_if_nothing_changed(account: Account) -> None:
    first = start(account).until_deployed()
    first.promote()
    first.report()
    again = Pipeline(account, first.run.model_copy(update={"run_id": "tiles-again"}))
    again.parse()
    assert again.inspect()["unchanged"] is False


def result(**changes: object) -> InspectResult:
    return InspectResult(seconds=1.0, usd=0.0, content_hash="of the job", **changes)


def test_the_size_of_the_files_decides_who_splits_them(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account)
    pipeline.parse()
    size = len(account.read("specs/tiles/dataset.jsonl"))
    for limit in (size - 1, size):
        monkeypatch.setenv("LARGE_DATASET_BYTES", str(limit))
        settings.cache_clear()
        if limit < size:
            with pytest.raises(DatasetTooLarge, match="a job splits them"):
                pipeline.inspect()
            assert account.keys(RunKeys(pipeline.run.run_id).dataset) == []
        else:
            assert pipeline.inspect()["num_train"] == 300


def test_a_dataset_that_was_deleted_meanwhile_is_refused_in_words(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    key = "specs/tiles/dataset.jsonl"
    account.client("s3").delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(DatasetRejected, match="the dataset is empty"):
        pipeline.inspect()


def test_a_packed_file_counts_for_more_than_it_takes_up(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = gzip.compress(factories.jsonl(factories.dataset_rows()))
    task = factories.spec_dict()["task"] | {"dataset": "d.jsonl.gz"}
    account.put("specs/tiles/d.jsonl.gz", packed)
    pipeline = start(account, task=task)
    pipeline.parse()
    monkeypatch.setenv("LARGE_DATASET_BYTES", str(3 * len(packed)))
    settings.cache_clear()
    with pytest.raises(DatasetTooLarge):
        pipeline.inspect()


def test_a_dataset_that_outgrows_the_function_is_left_to_a_job(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account)
    pipeline.parse()
    monkeypatch.setattr(inspect_dataset, "MAX_BYTES", 3000)
    with pytest.raises(DatasetTooLarge, match="no more fits on the disk"):
        pipeline.inspect()
    monkeypatch.setattr(inspect_dataset, "MAX_BYTES", MAX_BYTES)
    monkeypatch.setattr(inspect_dataset, "MAX_SECONDS", -1.0)
    with pytest.raises(DatasetTooLarge, match="no more time is allowed"):
        pipeline.inspect()
    assert LARGE_BYTES < MAX_BYTES
    assert MAX_SECONDS > 0


def test_what_a_job_has_split_is_taken_as_it_is(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    by_function = pipeline.inspect()
    account.put("specs/tiles/dataset.jsonl", b"changed since the job read it")
    account.put_result(pipeline.run, "inspect", result())
    by_job = pipeline.inspect()
    assert by_job == by_function | {"content_hash": "of the job"}
    assert account.row(pipeline.run.run_id)["content_hash"] == "of the job"


def test_what_a_job_refused_is_refused_in_its_words(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    account.put_result(pipeline.run, "inspect", result(refused="1 of 1 lines cannot be read"))
    with pytest.raises(DatasetRejected, match=r"^1 of 1 lines cannot be read$"):
        pipeline.inspect()
    problem = Problem(path="students[0].path", line=None, message="takes no system role")
    account.put_result(pipeline.run, "inspect", result(problems=(problem,)))
    with pytest.raises(SpecRejected, match="takes no system role"):
        pipeline.inspect()
