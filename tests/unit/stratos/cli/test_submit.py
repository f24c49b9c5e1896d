"""Submitting a folder: nothing is uploaded that is bad."""

from __future__ import annotations

import json

import pytest

from stratos.cli.submit import submit
from stratos.contracts.bucket import run_id_of
from stratos.errors import (
    SpecRejected,
)
from tests.unit.stratos.cli.stack_contents import keys, run


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
