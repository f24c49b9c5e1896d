"""Folders that lack a weight are refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stratos.catalog.complete import require_complete
from stratos.catalog.safetensors import StoredTensor
from tests.factories import qwen2_tensors

CONFIG: Mapping[str, object] = {"model_type": "qwen2", "tie_word_embeddings": True}


def stored(names: Mapping[str, tuple[int, ...]]) -> list[StoredTensor]:
    return [StoredTensor(name, "BF16", shape) for name, shape in names.items()]


def test_a_whole_model_is_complete() -> None:
    require_complete("m", CONFIG, stored(qwen2_tensors()))


@pytest.mark.parametrize(
    ("lost", "config", "message"),
    [
        ("model.embed_tokens.weight", {}, "m lacks the embeddings, which would be drawn"),
        ("model.norm.weight", {}, "m lacks the last norm"),
        (
            "model.layers.1.mlp.up_proj.weight",
            {},
            "m lacks model.layers.1.mlp.up_proj.weight, which",
        ),
        ("none", {"tie_word_embeddings": False}, r"m lacks the head \(lm_head.weight\)"),
        ("none", {"tie_word_embeddings": None}, r"m lacks the head \(lm_head.weight\)"),
    ],
)
def test_what_is_missing_is_named(lost: str, config: dict[str, object], message: str) -> None:
    tensors = qwen2_tensors()
    tensors.pop(lost, None)
    with pytest.raises(ValueError, match=message):
        require_complete("m", {**CONFIG, **config}, stored(tensors))


def test_layers_of_another_kind_may_hold_other_weights() -> None:
    tensors = {
        name: shape
        for name, shape in qwen2_tensors().items()
        if not name.startswith("model.layers.1.mlp.")
    }
    tensors |= {"model.layers.1.mlp.experts.0.up_proj.weight": (4, 4)}
    require_complete("m", CONFIG, stored(tensors))


def test_an_adapter_is_no_model() -> None:
    tensors = qwen2_tensors() | {"base_model.model.layers.0.q_proj.lora_A.weight": (4, 4)}
    with pytest.raises(ValueError, match=r"m holds an adapter .*; merge it"):
        require_complete("m", CONFIG, stored(tensors))


def test_of_a_family_of_other_names_nothing_is_said_to_be_missing() -> None:
    tensors = {
        "backbone.embeddings.weight": (16, 8),
        "backbone.layers.0.mixer.weight": (8, 8),
        "backbone.layers.1.norm.weight": (8,),
    }
    require_complete("m", {"model_type": "mamba"}, stored(tensors))
    opt = {name: shape for name, shape in qwen2_tensors().items() if name != "model.norm.weight"}
    require_complete("m", {"model_type": "opt", "do_layer_norm_before": False}, stored(opt))


WITH_IMAGES: Mapping[str, object] = {
    "model_type": "mistral3",
    "text_config": {"model_type": "mistral", "tie_word_embeddings": False},
}


@pytest.mark.parametrize("tied", [True, False])
def test_only_the_text_of_a_model_that_sees_images_is_compared(*, tied: bool) -> None:
    tensors = {f"language_model.{name}": shape for name, shape in qwen2_tensors().items()}
    tensors |= {"vision_tower.layers.0.norm.weight": (4,), "vision_tower.norm.weight": (4,)}
    if not tied:
        tensors |= {"language_model.lm_head.weight": (4, 4)}
    config = WITH_IMAGES | {"tie_word_embeddings": tied}
    require_complete("m", config, stored(tensors))
    del tensors["language_model.model.norm.weight"]
    with pytest.raises(ValueError, match="m lacks the last norm, which"):
        require_complete("m", config, stored(tensors))
