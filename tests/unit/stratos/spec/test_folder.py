"""The files that a spec names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stratos.errors import SpecRejected
from stratos.spec.folder import (
    RunningStack,
    belongs_to_model,
    dataset_files,
    files_under,
    read_spec_in_folder,
    why_not_in,
)
from tests import factories
from tests.unit.stratos.spec.spec_files import changed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in factories.spec_folder().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def folder_problems(folder: Path, **sections: object) -> str:
    with pytest.raises(SpecRejected) as caught:
        read_spec_in_folder(changed(**sections), files_under(folder))
    return str(caught.value)


def test_a_whole_folder_is_accepted(folder: Path) -> None:
    read_spec_in_folder(factories.spec_text(), files_under(folder))


def test_missing_files_are_told_together_with_misspelt_fields(folder: Path) -> None:
    (folder / "dataset.jsonl").unlink()
    (folder / "checks.py").unlink()
    told = folder_problems(folder, nam="x")
    for place in ("task.dataset", "task.checker", "nam"):
        assert f", {place}: " in told


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", "has no .safetensors file"),
        ("tokenizer.json", "has no tokenizer"),
    ],
)
def test_an_incomplete_model_folder_is_told(folder: Path, missing: str, message: str) -> None:
    (folder / "models/student" / missing).unlink()
    assert message in folder_problems(folder)


def test_a_model_that_is_only_a_pickle_is_refused(folder: Path) -> None:
    student = folder / "models/student"
    (student / "model.safetensors").rename(student / "pytorch_model.bin")
    assert "pytorch_model.bin, which can run code when loaded" in folder_problems(folder)


def test_a_prefix_with_jsonl_files_is_a_dataset(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "dataset.jsonl").rename(folder / "data" / "part-0.jsonl")
    task = factories.spec_dict()["task"]
    read_spec_in_folder(changed(task=task | {"dataset": "data/"}), files_under(folder))


def test_a_link_out_of_the_folder_is_no_file_of_it(folder: Path) -> None:
    (folder / "dataset.jsonl").unlink()
    (folder / "dataset.jsonl").symlink_to("/etc/hostname")
    assert "there is no file 'dataset.jsonl'" in folder_problems(folder)


@pytest.mark.parametrize("name", ["tiny.gguf", "sha256-0a1b2c"])
def test_a_model_may_be_one_file(folder: Path, name: str) -> None:
    (folder / "models" / name).write_bytes(b"GGUF")
    students = [{"path": f"models/{name}"}]
    read_spec_in_folder(changed(students=students), files_under(folder))


def test_a_file_of_weights_alone_is_no_model(folder: Path) -> None:
    told = folder_problems(folder, students=[{"path": "models/student/model.safetensors"}])
    assert "is a .safetensors file; give the model's folder" in told


def test_a_model_is_its_folder_or_its_file_with_a_template_beside() -> None:
    found = ["m/config.json", "x.gguf", "x.gguf.jinja", "x.gguf.old", "mm/config.json"]
    of = {
        path: [name for name in found if belongs_to_model(name, path)] for path in ("m", "x.gguf")
    }
    assert of == {"m": ["m/config.json"], "x.gguf": ["x.gguf", "x.gguf.jinja"]}


@pytest.mark.parametrize(
    ("named", "refusal"),
    [
        (["us-east-1", "eu-west-1"], None),
        (["us-east-1"], None),
        (["eu-west-1"], "upload the folder to a stack in eu-west-1"),
        (["us-east-1", "eu-west-2"], "cannot use eu-west-2; did you mean `eu-west-1`?"),
        ([], None),
    ],
)
def test_a_spec_may_name_the_regions_in_which_its_stack_works(
    named: list[str], refusal: str | None
) -> None:
    told = why_not_in("us-east-1", named, ("eu-west-1", "ap-northeast-1"))
    assert (told is None) == (refusal is None)
    assert (refusal or "") in (told or "")


def test_a_link_that_leaves_the_folder_is_said_to_count_as_none(tmp_path: Path) -> None:
    (tmp_path / "spec").mkdir()
    (tmp_path / "blob").write_bytes(b"GGUF")
    (tmp_path / "spec/x.gguf").symlink_to(tmp_path / "blob")
    spec = factories.spec_text(students=[{"path": "x.gguf"}])
    with pytest.raises(SpecRejected, match=r"'x.gguf' beside the spec .*a link .* counts as none"):
        read_spec_in_folder(spec, files_under(tmp_path / "spec"))


def test_a_prefix_holds_every_data_file_below_it_and_a_name_that_file_only(folder: Path) -> None:
    hour = folder / "logs" / "AWSLogs" / "111122223333" / "2026" / "11" / "29"
    (hour / "data").mkdir(parents=True)
    for name in ("a.json.gz", "b.json", "c.csv", "data/d_input.json.gz", "marker", "e.txt",
                 "f.jsonl.out", "manifest.json.out"):  # fmt: skip
        (hour / name).write_bytes(b"")
    (folder / "logs" / "dataset_info.json").write_bytes(b"")
    inside = hour.relative_to(folder).as_posix()
    assert dataset_files("logs/", files_under(folder)) == [
        f"{inside}/{name}"
        for name in ("a.json.gz", "b.json", "c.csv", "data/d_input.json.gz", "f.jsonl.out")
    ]
    assert dataset_files(f"{inside}/marker", files_under(folder)) == [f"{inside}/marker"]


def test_the_json_of_a_model_below_a_prefix_is_no_data() -> None:
    model = ["m/config.json", "m/model.safetensors", "m/onnx/quantize.json", "m/rows.jsonl"]
    logs = ["logs/config.json", "logs/first.json"]
    assert dataset_files("", lambda _: [*model, *logs]) == [*logs, "m/rows.jsonl"]


def test_a_listing_begins_with_its_prefix_and_may_end_inside_a_name(folder: Path) -> None:
    (folder / "[a]").mkdir()
    (folder / "[a]" / "b.jsonl").touch()
    (folder / "a.jsonl").touch()
    listed = files_under(folder)
    assert list(listed("[a]")) == list(listed("[a]/b")) == ["[a]/b.jsonl"]
    assert list(listed("[a]/c")) == list(listed("nowhere/c")) == []
    assert {"a.jsonl", "[a]/b.jsonl", "spec.yaml"} <= set(listed(""))


def test_links_that_lead_to_themselves_are_no_files(folder: Path) -> None:
    (folder / "models/student/loop").symlink_to("loop")
    (folder / "models/student/above").symlink_to("..")
    found = set(files_under(folder)("models/student/"))
    assert "models/student/config.json" in found
    assert not {name for name in found if "loop" in name}


MLFLOW = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-1"


@pytest.mark.parametrize(
    ("region", "account", "refused"),
    [
        ("us-east-1", "123456789012", False),
        ("us-east-1", "", False),
        ("eu-west-1", "123456789012", True),
        ("us-east-1", "210987654321", True),
    ],
)
def test_a_managed_mlflow_is_told_by_jobs_of_its_own_account_and_region(
    folder: Path, region: str, account: str, refused: bool
) -> None:
    content = changed(training={"tracking": {"tracking_uri": MLFLOW}})
    stack = RunningStack("stratos", region, account=account)
    if not refused:
        read_spec_in_folder(content, files_under(folder), stack=stack)
        return
    told = (
        "training.tracking.tracking_uri: this MLflow is in us-east-1, of account 123456789012, "
        f"and the stack in {region}, of account {account}: its jobs may tell one there only"
    )
    with pytest.raises(SpecRejected, match=re.escape(told)):
        read_spec_in_folder(content, files_under(folder), stack=stack)
