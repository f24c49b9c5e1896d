"""The dataset in three splits, and whether anything changed since the last run."""

from __future__ import annotations

import json

import pytest

from stratos.contracts.bucket import RunKeys
from stratos.dataset.inspection import Inspection
from stratos.dataset.left_out import DUPLICATE
from stratos.errors import SpecRejected
from tests import factories
from tests.unit.lambdas.conftest import Account
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
