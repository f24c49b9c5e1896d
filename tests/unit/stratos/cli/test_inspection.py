"""`stratos inspect` shows a dataset as a run would read it, offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from stratos.cli.inspection import SeenDataset, inspect_command
from tests import factories

app = typer.Typer()
app.command()(inspect_command)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in factories.spec_folder().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_a_specs_folder_is_shown_as_its_run_would_split_it(folder: Path) -> None:
    done = run(folder)
    assert done.exit_code == 0, done.output
    assert "400: 300 train, 40 probe, 60 heldout" in done.output
    assert "dataset.jsonl (prompt_completion)" in done.output
    assert "refuse" not in done.output


def test_the_same_is_json_with_a_format_version(folder: Path) -> None:
    done = run(folder, "--json")
    assert json.loads(done.stdout)["format_version"] == 1
    seen = SeenDataset.model_validate_json(done.stdout)
    assert seen.refused == ()
    assert seen.dataset is not None
    assert seen.dataset.num_records == {"train": 300, "probe": 40, "heldout": 60}
    assert seen.dataset.tokens is not None
    assert seen.dataset.tokens.num_records == 400


def test_a_refused_dataset_is_shown_with_every_reason(folder: Path) -> None:
    broken = factories.jsonl(factories.dataset_rows(70)) + b"[bold]{\n"
    (folder / "dataset.jsonl").write_bytes(broken)
    done = run(folder)
    assert done.exit_code == 4
    assert "left out, bad line: 1\n  dataset.jsonl:71: is not JSON" in done.output
    (folder / "dataset.jsonl").write_bytes(broken + b"{\n" + b'{"prompt": 1}\n')
    assert "bad line: 3\n  2 × is not JSON …\n  1 × prompt is a number" in run(folder).output
    (folder / "dataset.jsonl").write_bytes(broken)
    assert "a run would refuse this: 1 of 71 lines cannot be read" in done.output
    assert "a run would refuse this: too few records" in done.output
    refused = SeenDataset.model_validate_json(run(folder, "--json").stdout).refused
    assert len(refused) == 2


def test_a_template_that_refuses_a_role_is_among_the_reasons(folder: Path) -> None:
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    template = folder / "models/student/chat_template.jinja"
    template.write_text(refuses + "{{ messages[-1].content }}")
    rows = [{"system": "Think.", **row} for row in factories.dataset_rows()]
    (folder / "dataset.jsonl").write_bytes(factories.jsonl(rows))
    seen = SeenDataset.model_validate_json(run(folder, "--json").stdout)
    assert len(seen.refused) == 1
    assert "no system" in seen.refused[0]


def test_a_spec_that_learns_replies_is_refused_a_dataset_without_any(folder: Path) -> None:
    logs = [{"kind": "logs"}]
    spec = factories.spec_dict() | {"teachers": logs}
    (folder / "spec.yaml").write_text(json.dumps(spec))
    rows = [{"prompt": row["prompt"]} for row in factories.dataset_rows()]
    (folder / "dataset.jsonl").write_bytes(factories.jsonl(rows))
    done = run(folder, "--json")
    assert done.exit_code == 4, done.output
    refused = SeenDataset.model_validate_json(done.stdout).refused
    assert any(
        "no train and no probe record of the dataset has a logged reply" in r for r in refused
    )


def test_a_link_to_a_data_file_is_read_as_the_file(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "below/link.jsonl").symlink_to(folder / "dataset.jsonl")
    done = run(folder / "below/link.jsonl")
    assert "dataset.jsonl (prompt_completion)" in done.output


def test_a_data_file_needs_no_spec(folder: Path) -> None:
    rows = [
        {"question": row["prompt"], "answer": row["completion"]}
        for row in factories.dataset_rows(900)
    ]
    (folder / "logs.jsonl").write_bytes(factories.jsonl(rows))
    done = run(folder / "logs.jsonl")
    assert done.exit_code == 0, done.output
    assert "logs.jsonl (gsm8k)" in done.output
    assert "dataset.jsonl" not in done.output
    assert "no student's tokenizer is at hand" in done.output
    assert run(folder / "logs.jsonl", "--format", "prompt_completion").exit_code == 4


def test_a_folder_without_a_spec_is_read_file_by_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_bytes(factories.jsonl(factories.dataset_rows(70)))
    done = run(tmp_path)
    assert "a.jsonl, b.jsonl (prompt_completion)" in done.output


def test_a_model_beside_the_data_is_not_read_as_data(folder: Path) -> None:
    (folder / "spec.yaml").unlink()
    seen = SeenDataset.model_validate_json(run(folder, "--json").stdout)
    assert seen.dataset is not None
    assert list(seen.dataset.formats) == ["dataset.jsonl"]
    assert seen.dataset.num_lines == 400


def test_a_file_that_cannot_be_read_at_all_is_a_reason_without_facts(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl.gz").write_bytes(b"no gzip")
    done = run(tmp_path / "d.jsonl.gz", "--json")
    assert done.exit_code == 4
    seen = SeenDataset.model_validate_json(done.stdout)
    assert seen.dataset is None
    assert seen.refused[0].startswith("d.jsonl.gz: not a sound gzip file")


def test_what_is_not_there_or_no_format_is_wrong_usage(tmp_path: Path) -> None:
    missing = run(tmp_path / "nowhere")
    assert missing.exit_code == 2
    (tmp_path / "d.jsonl").write_bytes(factories.jsonl(factories.dataset_rows(3)))
    unknown = run(tmp_path / "d.jsonl", "--format", "parquet")
    assert unknown.exit_code == 2
    assert "is no format" in unknown.output
