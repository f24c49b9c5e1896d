"""A first spec for a person's own data is one that a run would take."""

from __future__ import annotations

import json

import pytest
import yaml

from stratos.cli.init import SCHEMA_FILE, look
from stratos.errors import DatasetRejected, FolderTaken
from tests.unit.stratos.cli.stack_contents import run


def rows(count=200, answer=lambda n: ["refund", "no refund"][n % 2]):
    return "".join(
        json.dumps(
            {"prompt": f"Ticket {n}: order {n * n} came late. Refund?", "completion": answer(n)}
        )
        + "\n"
        for n in range(count)
    )


def test_a_spec_for_a_file_is_valid_and_says_why(tmp_path):
    (tmp_path / "Support log 7.jsonl").write_text(rows())
    code, out = run("init", str(tmp_path / "Support log 7.jsonl"))
    assert code == 0
    assert "verifier: choice (2 different answers" in out
    text = (tmp_path / "spec.yaml").read_text()
    spec = yaml.safe_load(text)
    assert spec["name"] == "support-log-7"
    assert spec["task"]["dataset"] == "Support log 7.jsonl"
    assert spec["task"]["verifier"]["choices"] == ["no refund", "refund"]
    assert spec["task"]["heldout_records"] + spec["task"]["probe_records"] <= 150
    assert "# teachers: [{kind: logs}]" in text
    assert text.splitlines()[0].endswith(f"$schema={SCHEMA_FILE}")
    assert json.loads((tmp_path / SCHEMA_FILE).read_text())["properties"]["task"]
    assert run("validate", str(tmp_path))[0] == 0


def test_a_folder_of_logs_is_named_by_its_prefix(tmp_path):
    for part in ("a", "b"):
        (tmp_path / "logs" / part).mkdir(parents=True)
        (tmp_path / "logs" / part / "x.jsonl").write_text(rows().replace("Ticket", f"Case {part}"))
    assert run("init", str(tmp_path))[0] == 0
    assert yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]["dataset"] == "logs/"


def test_personal_data_is_counted_and_redacted(tmp_path):
    (tmp_path / "log.jsonl").write_text(
        rows(answer=lambda n: f"Write to customer{n}@example.com about order number {n}.")
    )
    seen = look(tmp_path, "log.jsonl")
    assert seen.personal == {"email": 200}
    run("init", str(tmp_path))
    text = (tmp_path / "spec.yaml").read_text()
    assert "redact: [email]  # of 200 sampled: email in 200" in text


def test_texts_get_a_judge_whose_criteria_a_person_must_write(tmp_path):
    (tmp_path / "log.jsonl").write_text(
        rows(answer=lambda n: f"Dear customer {n}, " + "we are sorry and will look into it. " * 4)
    )
    assert run("init", str(tmp_path))[0] == 0
    verifier = yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]["verifier"]
    assert verifier["kind"] == "judge"
    assert verifier["criteria"].startswith("TODO")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a.jsonl": rows(100)}, "it takes at least 120"),
        ({}, "no .jsonl, .json, .csv or .parquet file"),
        ({"a.jsonl": rows(), "b.jsonl": rows()}, r"a\.jsonl, b\.jsonl; name one file"),
    ],
)
def test_data_that_no_spec_can_name_says_what_to_do(tmp_path, files, told):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DatasetRejected, match=told):
        run("init", str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_a_spec_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "log.jsonl").write_text(rows())
    (tmp_path / "spec.yaml").write_text("mine")
    with pytest.raises(FolderTaken, match="is there already"):
        run("init", str(tmp_path))
    assert (tmp_path / "spec.yaml").read_text() == "mine"
