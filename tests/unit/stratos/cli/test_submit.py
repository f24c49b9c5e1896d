"""Submitting a folder: nothing is uploaded that is bad."""

from __future__ import annotations

import hashlib
import json

import pytest
import typer

from stratos.cli.catalog import load_servers
from stratos.cli.submit import submit
from stratos.contracts.bucket import PLAN_METADATA, SERVERS_KEY, run_id_of
from stratos.contracts.saved_plan import SavedPlan
from stratos.errors import (
    NoFeasiblePlan,
    SpecRejected,
)
from tests import factories
from tests.unit.stratos.cli.stack_contents import keys, put_queue, run

PLAN_KEY, SPEC_KEY = "specs/tiles/plan.json", "specs/tiles/spec.yaml"


@pytest.fixture
def planned(tmp_path):
    """A folder, and beside it a plan of it that `stratos plan --out` wrote."""
    folder = tmp_path / "tiles"
    for name, content in factories.spec_folder().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (tmp_path / "servers.json").write_text(factories.servers().model_dump_json())
    catalog = ("--catalog", str(tmp_path / "servers.json"))
    out = tmp_path / "plan.json"
    assert run("plan", str(folder), *catalog, "--out", str(out))[0] == 0
    return folder, out


def test_submit_uploads_what_the_spec_names_and_the_spec_last(stack, folder):
    code, out = run("submit", str(folder), "--json")
    answer = json.loads(out)
    assert code == 0
    assert "specs/mahjong-waits/models/teacher/model.safetensors" in keys(stack)
    assert "specs/mahjong-waits/notes.txt" not in keys(stack)
    uploaded = stack.s3.list_objects_v2(Bucket="bucket")["Contents"]
    spec_key = "specs/mahjong-waits/spec.yaml"
    newest = max(item["LastModified"] for item in uploaded)
    assert next(i for i in uploaded if i["Key"] == spec_key)["LastModified"] == newest
    version = stack.s3.head_object(Bucket="bucket", Key=spec_key)["VersionId"]
    assert answer["run_id"] == run_id_of("bucket", spec_key, version)
    assert answer["queued"] is None


def test_who_submits_is_told_that_the_run_will_wait_and_for_what(stack, folder):
    put_queue(stack, "a-1", "b-1", "c-1")
    told = "place 2 in the queue: the stack works on 2 runs at a time"
    assert f"it waits first, {told}" in run("submit", str(folder))[1]
    assert json.loads(run("submit", str(folder), "--json")[1])["queued"] == told


def test_a_bad_spec_is_refused_before_anything_is_uploaded(stack, folder):
    spec = (folder / "spec.yaml").read_text()
    (folder / "spec.yaml").write_text(spec.replace("min_accuracy:", "min_acuracy:"))
    with pytest.raises(SpecRejected, match="did you mean"):
        submit(stack, folder, lambda file: None)
    assert keys(stack) == set()


def test_a_folder_without_a_spec_says_what_is_needed(stack, tmp_path):
    with pytest.raises(SpecRejected, match=r"holds no spec\.yaml"):
        submit(stack, tmp_path, lambda file: None)


def test_a_secret_that_the_stack_cannot_read_is_refused_before_anything_is_uploaded(stack, folder):
    written = (folder / "spec.yaml").read_text()
    teacher = "{kind: openai, base_url: https://a.example, model: m, api_key_secret: mine}"
    (folder / "spec.yaml").write_text(written.replace("teachers:", f"teachers:\n  - {teacher}", 1))
    with pytest.raises(SpecRejected, match="Name it stratos/mine, say"):
        submit(stack, folder, lambda file: None)
    assert keys(stack) == set()


def test_a_saved_plan_travels_beside_the_spec_whose_version_names_it(stack, planned):
    folder, out = planned
    assert run("submit", str(folder), "--plan", str(out), "--json")[0] == 0
    body = stack.s3.get_object(Bucket="bucket", Key=PLAN_KEY)["Body"].read()
    saved = SavedPlan.model_validate_json(body)
    assert saved.chosen.id == json.loads(out.read_text())["plans"]["chosen"]["id"]
    noted = stack.s3.head_object(Bucket="bucket", Key=SPEC_KEY)["Metadata"]
    assert noted == {PLAN_METADATA: hashlib.sha256(body).hexdigest()}
    assert run("submit", str(folder), "--json")[0] == 0
    assert stack.s3.head_object(Bucket="bucket", Key=SPEC_KEY)["Metadata"] == {}


@pytest.mark.parametrize(
    ("name", "why"),
    [("spec.yaml", "made from another spec"), ("dataset.jsonl", "the dataset has changed since")],
)
def test_a_folder_that_has_changed_since_its_plan_is_refused(stack, planned, name, why):
    folder, out = planned
    with (folder / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(SpecRejected, match=why):
        submit(stack, folder, lambda file: None, out)
    assert keys(stack) == set()


def test_a_plan_for_another_region_is_refused(stack, planned):
    folder, out = planned
    elsewhere = json.loads(out.read_text())
    elsewhere["basis"]["region"] = "eu-west-1"
    out.write_text(json.dumps(elsewhere))
    with pytest.raises(SpecRejected, match="plan with --region us-east-1"):
        submit(stack, folder, lambda file: None, out)


def test_a_plan_for_servers_that_the_stacks_own_catalog_lacks_is_refused_with_how_to_plan(
    stack, planned
):
    folder, out = planned
    servers = factories.servers().model_dump_json().replace('"ml.', '"ml.other-')
    stack.s3.put_object(Bucket="bucket", Key=SERVERS_KEY, Body=servers.encode())
    with pytest.raises(SpecRejected, match="stratos plan FOLDER --catalog s3://bucket --out"):
        submit(stack, folder, lambda file: None, out)
    stack.s3.put_object(
        Bucket="bucket", Key=SERVERS_KEY, Body=factories.servers().model_dump_json().encode()
    )
    assert run("plan", str(folder), "--catalog", "s3://bucket", "--out", str(out))[0] == 0
    assert submit(stack, folder, lambda file: None, out).num_files > 1


@pytest.mark.parametrize("use", ["training", "serving"])
def test_each_server_of_a_plan_must_be_in_the_stacks_own_catalog(stack, planned, use):
    folder, out = planned
    document = json.loads(out.read_text())
    document["plans"]["chosen"][use]["instance_type"] = "ml.other"
    out.write_text(json.dumps(document))
    text = factories.servers().model_dump_json()
    stack.s3.put_object(Bucket="bucket", Key=SERVERS_KEY, Body=text.encode())
    with pytest.raises(SpecRejected, match=r"own catalog has no ml\.other; plan with") as caught:
        submit(stack, folder, lambda file: None, out)
    assert len(caught.value.problems) == 1


def test_a_stacks_catalog_that_cannot_be_read_is_told_with_how_to_write_it(stack, planned):
    folder, out = planned
    stack.s3.put_object(Bucket="bucket", Key=SERVERS_KEY, Body=b"{}")
    told = "s3://bucket/catalog/servers.json, is none that this version reads; write it anew"
    with pytest.raises(SpecRejected, match=told):
        submit(stack, folder, lambda file: None, out)


def test_a_catalog_that_is_not_there_or_is_none_is_told(stack, tmp_path):
    (tmp_path / "none.json").write_text("{}")
    for catalog, told in (
        ("s3://bucket", "there is no catalog at s3://bucket"),
        (str(tmp_path / "away.json"), "there is no catalog at"),
        (str(tmp_path / "none.json"), "is no catalog"),
    ):
        with pytest.raises(typer.BadParameter, match=told):
            load_servers(catalog)


def test_what_is_no_plan_or_one_that_does_not_hold_is_refused(stack, planned):
    folder, out = planned
    document = json.loads(out.read_text())
    out.write_text(json.dumps(document | {"infeasible": "max_budget_usd: …"}))
    with pytest.raises(NoFeasiblePlan, match="max_budget_usd"):
        submit(stack, folder, lambda file: None, out)
    for text in ("{}", "no JSON", json.dumps(document | {"format_version": 2})):
        out.write_text(text)
        with pytest.raises(SpecRejected, match="is not what `stratos plan --out` of this version"):
            submit(stack, folder, lambda file: None, out)
    assert keys(stack) == set()
