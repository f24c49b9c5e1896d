"""The inbox: logs that are what their script draws, and a checker of reasons."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stratos.contracts.records import Record, read_jsonl
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.spec import Spec, Weights
from stratos.spec.reader import read_spec
from training.judging.checker import Checker, load_checker

EXAMPLE = Path(__file__).parents[3] / "examples" / "smollm2-inbox"
QUESTION = "Hello, The kettle leaks. Also: I was charged twice for order 4417."


@pytest.fixture(scope="module")
def build_dataset() -> Iterator[ModuleType]:
    kept = sys.modules.pop("build_dataset", None)  # other examples have one too
    sys.path.insert(0, str(EXAMPLE))
    yield importlib.import_module("build_dataset")
    sys.path.remove(str(EXAMPLE))
    sys.modules.pop("build_dataset", None)
    if kept is not None:
        sys.modules["build_dataset"] = kept


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EXAMPLE / "dataset.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def spec() -> Spec:
    return read_spec((EXAMPLE / "spec.yaml").read_bytes())


@pytest.fixture(scope="module")
def check() -> Checker:
    return load_checker(EXAMPLE)


def test_the_rows_are_what_the_script_draws(
    build_dataset: ModuleType, rows: list[dict[str, Any]]
) -> None:
    assert rows == build_dataset.build_rows()


def test_every_family_has_a_phrase_of_each_team_and_no_phrase_comes_twice(
    build_dataset: ModuleType,
) -> None:
    phrases = build_dataset.PHRASES
    assert {len(of_team) for of_team in phrases.values()} == {build_dataset.NUM_FAMILIES}
    everything = [phrase for of_team in phrases.values() for phrase in of_team]
    assert len(set(everything)) == len(everything)


def test_no_phrase_of_a_held_out_message_is_in_training(
    build_dataset: ModuleType, spec: Spec, tmp_path: Path
) -> None:
    content = (EXAMPLE / spec.task.dataset).read_bytes()
    file = DataFile(spec.task.dataset, lambda: io.BytesIO(content))
    found = inspect_dataset([file], spec.task, tmp_path)
    assert set(found.formats.values()) == {"openai_chat"}
    assert found.num_records == {"train": 384, "probe": 48, "heldout": 144}
    families = {
        split: {record.group for record in read_jsonl(tmp_path / f"{split}.jsonl", Record)}
        for split in ("train", "probe", "heldout")
    }
    assert None not in families["train"]
    assert sum(map(len, families.values())) == len(set.union(*families.values()))
    assert len(families["heldout"]) == 6


def test_teacher_and_student_are_one_model_of_a_licence_that_the_spec_allows(spec: Spec) -> None:
    (teacher,), (student,) = spec.teachers, spec.students
    assert isinstance(teacher, Weights)
    assert teacher.path == student.path
    assert {teacher.licence, student.licence} <= set(spec.constraints.licences or ())
    assert spec.strategy == "auto"


def test_no_weights_are_in_the_folder() -> None:
    assert not list(EXAMPLE.rglob("*.safetensors"))
    assert not list(EXAMPLE.rglob("*.gguf"))


@pytest.mark.parametrize(
    "reason",
    ["The customer wants to return the kettle.", "The customer was charged twice for order 4417."],
)
def test_a_reason_in_words_of_the_message_is_sound(check: Checker, reason: str) -> None:
    assert check(QUESTION, "returns", reason) == []


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        ("The team must act on the kettle.", "does not begin with The customer"),
        ("The customer wants a refund of 9663 for the kettle.", "a number that the message lacks"),
        ("The customer wants a new jacket.", "shares no word with the message"),
        ("The customer wants that the kettle", "is not one sentence"),
        ("The customer wants " + "very " * 30 + "much a kettle.", "is not one sentence"),
        ("The customer has a kettle.\nThe customer waits.", "2 lines for 1 teams"),
    ],
)
def test_a_reason_is_refused_by_name(check: Checker, reason: str, problem: str) -> None:
    (found,) = check(QUESTION, "returns", reason)
    assert problem in found


def test_every_team_needs_a_reason_of_its_own(check: Checker) -> None:
    both = "The customer was charged twice.\nThe customer says that the kettle leaks."
    assert check(QUESTION, "billing returns", both) == []
    assert check(QUESTION, "billing returns", both.splitlines()[0])
