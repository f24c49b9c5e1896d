"""The word problems: a dataset that holds, and models that are what the README says."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors import safe_open
from transformers import Qwen3Config, Qwen3ForCausalLM

from stratos.cli.submit import read_folder
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset

EXAMPLES = Path(__file__).parents[3] / "examples"
EXAMPLE = EXAMPLES / "word-problems"
ROW = {"question": "Ada has 2 pens and buys 3.", "answer": "Ada has 2+3=5 pens.\n#### 5"}
SEEN = {"What did the teacher see?"}


@pytest.fixture(scope="module", autouse=True)
def example_folders() -> Iterator[None]:
    """Let the scripts import the Mahjong example's modules, as PYTHONPATH does when they run."""
    kept = sys.modules.pop("build_dataset", None)  # the Mahjong example has one too
    sys.path[:0] = [str(EXAMPLE), str(EXAMPLES / "mahjong-waits")]
    yield
    del sys.path[:2]
    sys.modules.pop("build_dataset", None)
    if kept is not None:
        sys.modules["build_dataset"] = kept


@pytest.fixture(scope="module")
def build_dataset(example_folders: None) -> ModuleType:
    return importlib.import_module("build_dataset")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in (EXAMPLE / "dataset.jsonl").read_text().splitlines()]


def test_every_row_holds_and_is_what_the_script_draws(
    build_dataset: ModuleType, rows: list[dict[str, str]]
) -> None:
    seen = build_dataset.seen_by_teacher(1)
    assert len(rows) == build_dataset.NUM_ROWS
    build_dataset.verify_rows(rows, seen)
    # To draw all that the teacher saw takes a minute; without that, there are more draws than rows.
    drawn = build_dataset.build_rows(200, build_dataset.SEED, set())
    assert all(row in drawn for row in rows[:100])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"answer": "Ada has 2+3=6 pens.\n#### 6"}, r"2\+3 is not 6"),
        (
            {"answer": "Ada has 2+3=5 pens.\n#### 4"},
            "its answer is not the result of its last equation",
        ),
        ({"answer": "#### 5"}, "its answer is not the result of its last equation"),
        ({"answer": "Each gets 7/2=3.\n#### 3"}, "7/2 is not 3"),
        ({"question": "What did the teacher see?"}, "the teacher was pretrained on its question"),
    ],
)
def test_verification_names_what_is_wrong_with_a_row(
    build_dataset: ModuleType, changes: dict[str, str], problem: str
) -> None:
    with pytest.raises(ValueError, match=f"row 2: {problem}"):
        build_dataset.verify_rows([ROW, ROW | {"question": "?"} | changes], SEEN)


def test_verification_finds_a_question_that_comes_twice(build_dataset: ModuleType) -> None:
    with pytest.raises(ValueError, match="row 2: its question comes twice"):
        build_dataset.verify_rows([ROW, ROW], set())


def test_a_question_the_teacher_saw_is_never_drawn(build_dataset: ModuleType) -> None:
    first = build_dataset.build_rows(20, 5, set())
    seen = {first[3]["question"]}
    assert not seen & {row["question"] for row in build_dataset.build_rows(20, 5, seen)}


def test_pruning_keeps_the_layers_named_in_their_order(example_folders: None) -> None:
    prune_student = importlib.import_module("prune_student")
    config = Qwen3Config(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=4,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=8,
    )
    model = Qwen3ForCausalLM(config)
    kept = [model.model.layers[index] for index in (0, 1, 3)]
    pruned = prune_student.prune(model, (0, 1, 3))
    assert list(pruned.model.layers) == kept
    assert pruned.config.num_hidden_layers == 3
    ids = torch.arange(6)[None]
    cached = pruned.generate(ids, max_new_tokens=4, do_sample=False, use_cache=True)
    plain = pruned.generate(ids, max_new_tokens=4, do_sample=False, use_cache=False)
    assert cached.tolist() == plain.tolist()


def test_the_spec_is_accepted_and_its_rows_are_read_as_gsm8k(tmp_path: Path) -> None:
    spec, files = read_folder(EXAMPLE)
    assert spec.strategy == "auto"
    assert Path("models/teacher/model.safetensors") in files
    content = (EXAMPLE / spec.task.dataset).read_bytes()
    file = DataFile(spec.task.dataset, lambda: io.BytesIO(content))
    found = inspect_dataset([file], spec.task, tmp_path)
    assert set(found.formats.values()) == {"gsm8k"}
    assert found.num_gold == sum(found.num_records.values())
    assert found.num_records["train"] > 3000


def test_the_teacher_is_the_mahjong_examples_to_the_byte() -> None:
    ours, theirs = (
        EXAMPLES / name / "models" / "teacher" for name in (EXAMPLE.name, "mahjong-waits")
    )
    assert (ours / "model.safetensors").is_file()
    for file in ours.iterdir():
        assert file.read_bytes() == (theirs / file.name).read_bytes()


def test_the_student_has_at_most_a_third_of_the_teachers_parameters() -> None:
    teacher, student = (
        _num_parameters(EXAMPLE / "models" / n) for n in ("teacher", "student-base")
    )
    assert 0 < 3 * student <= teacher


def _num_parameters(folder: Path) -> int:
    with safe_open(folder / "model.safetensors", framework="numpy") as tensors:
        names = list(tensors.keys())
        return sum(prod(tensors.get_slice(name).get_shape()) for name in names)
