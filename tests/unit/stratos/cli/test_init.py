"""A first spec for a person's own data is one that a run would take."""

from __future__ import annotations

import json

import pytest
import yaml

from stratos.cli.init import SCHEMA_FILE, TO_DO, look
from stratos.errors import DatasetRejected, FolderTaken, SpecRejected
from tests import factories
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
    assert "verifier: choice (2 answers that repeat" in out
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


def calling_rows(count=200):
    """Logs of a service whose every reply calls a tool."""
    tool = {"type": "function", "function": {"name": "route", "parameters": {"type": "object"}}}
    for n in range(count):
        call = {"name": "route", "arguments": json.dumps({"team": ["sales", "help"][n % 2]})}
        reply = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": f"c{n}", "function": call}],
        }
        messages = [{"role": "user", "content": f"Ticket {n}: order {n * n} came late."}, reply]
        yield json.dumps({"messages": messages, "tools": [tool]}) + "\n"


def test_logs_of_nothing_but_tool_calls_are_measured_by_their_calls(tmp_path):
    (tmp_path / "chats.jsonl").write_text("".join(calling_rows()))
    code, out = run("init", str(tmp_path))
    assert code == 0, out
    assert "gold answers" in out
    assert "200, 2 of them distinct" in out
    task = yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]
    assert task["verifier"] == {"kind": "tool_call"}
    assert task["heldout_records"] + task["probe_records"] <= 150


def test_a_model_that_lies_beside_the_logs_is_no_data(tmp_path):
    (tmp_path / "chats.jsonl").write_text(rows())
    for name, content in factories.model_files().items():
        (tmp_path / "student").mkdir(exist_ok=True)
        (tmp_path / "student" / name).write_bytes(content)
    assert run("init", str(tmp_path))[0] == 0
    assert yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]["dataset"] == "chats.jsonl"


def test_a_folder_of_logs_is_named_by_its_prefix(tmp_path):
    for part in ("a", "b"):
        (tmp_path / "logs" / part).mkdir(parents=True)
        (tmp_path / "logs" / part / "x.jsonl").write_text(rows().replace("Ticket", f"Case {part}"))
    assert run("init", str(tmp_path))[0] == 0
    assert yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]["dataset"] == "logs/"


def test_files_that_are_named_alike_are_named_by_what_they_share(tmp_path):
    for part in ("1", "2"):
        text = rows().replace("Ticket", f"Case {part}")
        (tmp_path / f"part-{part}.jsonl").write_text(text)
    assert run("init", str(tmp_path))[0] == 0
    assert yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]["dataset"] == "part-"


def test_columns_are_found_by_what_they_are_usually_called(tmp_path):
    lines = [f"{n},order {n * n} came late,{['refund', 'no'][n % 2]}" for n in range(200)]
    (tmp_path / "log.csv").write_text("\n".join(["id,Message,Intent", *lines]) + "\n")
    assert run("init", str(tmp_path))[0] == 0
    text = (tmp_path / "spec.yaml").read_text()
    assert yaml.safe_load(text)["task"]["columns"] == {"prompt": "Message", "answer": "Intent"}
    assert '  # columns that are not read: "id"\n' in text


def test_a_label_that_comes_late_is_among_the_choices(tmp_path):
    def answer(n):
        return "rare" if n >= 5_500 else ["refund", "no refund"][n % 2]

    (tmp_path / "log.jsonl").write_text(rows(6_000, answer))
    assert run("init", str(tmp_path))[0] == 0
    verifier = yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]["verifier"]
    assert sorted(verifier["choices"]) == ["no refund", "rare", "refund"]


@pytest.mark.parametrize(
    "name", ["2024.jsonl", "null.jsonl", "1e5.jsonl", "on.jsonl", "a: [b.jsonl"]
)
def test_names_and_labels_stay_texts_in_every_yaml(tmp_path, name):
    (tmp_path / name).write_text(rows(200, lambda n: ["3e5 x", "none", "on"][n % 3]))
    assert run("init", str(tmp_path / name))[0] == 0
    code, _ = run("validate", str(tmp_path))
    assert code == 0


def test_only_rows_with_an_answer_are_counted_for_the_splits(tmp_path):
    without = "".join(json.dumps({"prompt": f"Only asked {n}?"}) + "\n" for n in range(200))
    (tmp_path / "log.jsonl").write_text(rows(130) + without)
    assert run("init", str(tmp_path))[0] == 0
    text = (tmp_path / "spec.yaml").read_text()
    assert "# of 130: on these it is measured" in text


def test_the_plan_of_a_first_spec_holds_its_limits(tmp_path):
    (tmp_path / "log.jsonl").write_text(rows(2_000))
    assert run("init", str(tmp_path))[0] == 0
    code, out = run("plan", str(tmp_path), "--json")
    assert code == 0
    assert json.loads(out)["plans"]["chosen"]["misses"] == []


def test_personal_data_is_counted_and_redacted(tmp_path):
    (tmp_path / "log.jsonl").write_text(
        rows(answer=lambda n: f"Write to customer{n}@example.com about order number {n}.")
    )
    seen = look(tmp_path, "log.jsonl")
    assert seen.personal == {"email": 200}
    run("init", str(tmp_path))
    text = (tmp_path / "spec.yaml").read_text()
    assert 'redact: ["email"]  # of 200 sampled: email in 200' in text


def test_texts_get_a_judge_whose_criteria_a_person_must_write(tmp_path):
    (tmp_path / "log.jsonl").write_text(
        rows(answer=lambda n: f"Dear customer {n}, " + "we are sorry and will look into it. " * 4)
    )
    assert run("init", str(tmp_path))[0] == 0
    verifier = yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]["verifier"]
    assert verifier["kind"] == "judge"
    assert verifier["criteria"] == TO_DO
    with pytest.raises(SpecRejected, match="these are not written yet"):
        run("validate", str(tmp_path))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a.jsonl": rows(100)}, "it takes at least 120"),
        ({"a.jsonl": '{"text": "only this"}\n' * 200}, "200 of 200 rows cannot be read. a.jsonl:1"),
        ({}, "no .jsonl, .json, .csv or .parquet file"),
        (
            {"a.jsonl": rows(), "b.jsonl": rows()},
            "a.jsonl, b.jsonl, whose names begin",
        ),
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


def test_a_schema_of_somebody_elses_is_left_alone(tmp_path):
    (tmp_path / "log.jsonl").write_text(rows())
    (tmp_path / SCHEMA_FILE).write_text("{}")
    with pytest.raises(FolderTaken, match="not what this version would write"):
        run("init", str(tmp_path / "log.jsonl"))
    assert (tmp_path / SCHEMA_FILE).read_text() == "{}"
    assert not (tmp_path / "spec.yaml").exists()


def test_a_schema_of_this_version_is_no_hindrance(tmp_path):
    (tmp_path / "log.jsonl").write_text(rows())
    assert run("init", str(tmp_path / "log.jsonl"))[0] == 0
    (tmp_path / "spec.yaml").unlink()
    assert run("init", str(tmp_path / "log.jsonl"))[0] == 0


def test_a_table_that_pandas_wrote_is_read(tmp_path):
    lines = [f"{n},order {n * n} came late,{['refund', 'no'][n % 2]}" for n in range(200)]
    (tmp_path / "log.csv").write_text("\n".join([",Message,Intent", *lines]) + "\n")
    assert run("init", str(tmp_path / "log.csv"))[0] == 0
    columns = yaml.safe_load((tmp_path / "spec.yaml").read_text())["task"]["columns"]
    assert columns == {"prompt": "Message", "answer": "Intent"}


def test_a_table_in_utf_16_is_told_how_to_be_converted(tmp_path):
    lines = [f"order {n} came late,refund" for n in range(200)]
    text = "\n".join(["Message,Intent", *lines]) + "\n"
    (tmp_path / "log.csv").write_bytes(text.encode("utf-16"))
    with pytest.raises(DatasetRejected, match="it is UTF-16; convert it: iconv -f UTF-16"):
        run("init", str(tmp_path / "log.csv"))
