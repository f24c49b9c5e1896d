"""What llama.cpp cannot serve, by the files of a model folder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.catalog.exportable import export_obstacle
from stratos.catalog.exportable_families import EXPORTABLE
from stratos.catalog.models import hub_models
from tests import factories

FILES = factories.model_files()
CONFIG: dict[str, Any] = json.loads(FILES["config.json"])
TOKENIZER: dict[str, Any] = json.loads(FILES["tokenizer.json"])


def test_every_family_of_a_folder_can_be_written_for_llama_cpp() -> None:
    plain = set(EXPORTABLE) - {"gemma3_text", "qwen3_moe", "smollm3"}
    for family in plain:
        assert export_obstacle(CONFIG | {"model_type": family}, TOKENIZER) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "gemma2"}, "models of type 'gemma2'"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "no rope scaling 'dynamic'"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "no rope scaling 'longrope'"),
        ({"hidden_act": "gelu"}, "silu for qwen2, not gelu"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "not sliding_attention"),
        ({"use_sliding_window": True, "max_window_layers": 1}, "not sliding_attention"),
        ({"vocab_size": 50}, "has a token 96, the model only 50 rows"),
    ],
    ids=["family", "rope", "new rope", "activation", "layers", "window", "rows"],
)
def test_an_obstacle_in_config_json_is_named(changes: dict[str, Any], reason: str) -> None:
    assert reason in (export_obstacle(CONFIG | changes, TOKENIZER) or "none")


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_scaling": None, "hidden_act": "silu"},
        {"use_sliding_window": False, "sliding_window": 32_768, "max_window_layers": 1},
        {"use_sliding_window": True, "max_window_layers": 2},
    ],
    ids=["nothing scaled", "window not used", "window beyond the last layer"],
)
def test_what_changes_nothing_is_no_obstacle(changes: dict[str, Any]) -> None:
    assert export_obstacle(CONFIG | changes, TOKENIZER) is None


def test_an_obstacle_in_tokenizer_json_is_named() -> None:
    unlike = TOKENIZER | {"pre_tokenizer": {"type": "Whitespace"}}
    assert "splits text by" in (export_obstacle(CONFIG, unlike) or "none")


def test_hub_models_are_told_apart_by_their_family() -> None:
    obstacles = {name: row.card().llama_cpp_obstacle for name, row in hub_models().items()}
    assert obstacles["Qwen/Qwen3-0.6B"] is None
    assert obstacles["google/gemma-3-1b-it"] is None
    assert "'gpt_oss'" in (obstacles["openai/gpt-oss-20b"] or "none")
