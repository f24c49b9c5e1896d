"""What can teach and be taught, by its config.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stratos.catalog.cards import card_of, student_card
from stratos.catalog.trainable import families, teaching_obstacle, training_obstacle
from stratos.spec import Weights
from tests import factories
from tests.fakes import FilesInMemory

STUDENTS = (
    "llama",
    "qwen2",
    "qwen3",
    "mistral",
    "ministral",
    "ministral3",
    "gemma3_text",
    "smollm3",
    "phi3",
    "granite",
    "olmo2",
    "olmo3",
    "qwen3_moe",
    "mixtral",
    "granitemoe",
    "granitemoehybrid",
    "lfm2",
    "qwen3_next",
)


@pytest.mark.parametrize("model_type", STUDENTS)
def test_what_people_use_can_be_trained(model_type: str) -> None:
    assert training_obstacle({"model_type": model_type}) is None


def test_an_obstacle_says_what_was_found_and_what_to_pick() -> None:
    assert "has an encoder" in (teaching_obstacle({"model_type": "bart"}) or "")
    unknown = training_obstacle({"model_type": "nobodys", "auto_map": {}}) or ""
    assert "model_type 'nobodys'" in unknown
    assert "pick a model of the Llama, Qwen" in unknown
    quantised = {"model_type": "llama", "quantization_config": {"quant_method": "awq"}}
    assert "quantised (awq)" in (training_obstacle(quantised) or "")


@pytest.mark.parametrize("method", ["awq", "gptq", "bitsandbytes", "compressed-tensors"])
def test_a_quantised_teacher_that_a_job_cannot_read_is_refused_by_name(method: str) -> None:
    quantized = {"quantization_config": {"quant_method": method}}
    for config in (
        {"model_type": "llama"} | quantized,
        {"model_type": "mistral3", "text_config": {"model_type": "ministral3"} | quantized},
    ):
        obstacle = teaching_obstacle(config) or ""
        assert f"quantised ({method})" in obstacle
        assert "in bfloat16, or as a GGUF" in obstacle


@pytest.mark.parametrize("method", ["fp8", "mxfp4"])
def test_weights_that_are_turned_into_bfloat16_can_teach_and_not_learn(method: str) -> None:
    config = {"model_type": "gpt_oss", "quantization_config": {"quant_method": method}}
    assert teaching_obstacle(config) is None
    assert f"quantised ({method})" in (training_obstacle(config) or "")


def test_of_a_model_of_several_parts_the_text_decides() -> None:
    several = {"model_type": "mistral3", "text_config": {"model_type": "ministral3"}}
    assert training_obstacle(several) is None


def test_whoever_cannot_teach_cannot_learn_and_most_can() -> None:
    rows = families().values()
    assert all(row.student_obstacle for row in rows if row.teacher_obstacle)
    tried = [row for row in rows if row.untried is None]
    assert len(tried) > 180
    assert sum(row.teacher_obstacle is None for row in tried) / len(tried) > 0.75


def test_no_reason_is_the_text_of_an_exception() -> None:
    for row in families().values():
        for reason in (row.untried, row.teacher_obstacle, row.student_obstacle):
            assert reason is None or not re.match(r"\w+(Error|Exception)\b", reason)


def test_the_documentation_counts_what_the_list_says() -> None:
    rows = families().values()
    tried = [row for row in rows if row.untried is None]
    teach = sum(row.teacher_obstacle is None for row in tried)
    learn = sum((row.teacher_obstacle or row.student_obstacle) is None for row in tried)
    text = " ".join(Path("docs/training.md").read_text().split())
    assert f"of {len(rows)} types {teach} can teach, and {learn} of them can be taught" in text
    assert f"one of the other {len(tried) - teach}, or as a student one of the other" in text
    assert f"or as a student one of the other {len(tried) - learn}, is refused" in text
    for row in rows:
        if row.untried is not None:
            assert f"`{row.model_type}`" in text


def test_a_model_that_cannot_be_used_is_refused_when_the_spec_is_planned() -> None:
    files: dict[str, Any] = factories.model_files()
    config = json.loads(files["config.json"]) | {"model_type": "nobodys"}
    files["config.json"] = json.dumps(config).encode()
    folder = FilesInMemory({f"models/m/{name}": content for name, content in files.items()})
    for describe in (card_of, student_card):
        with pytest.raises(ValueError, match=r"m: config\.json says model_type 'nobodys'"):
            describe(Weights(path="models/m"), folder)
