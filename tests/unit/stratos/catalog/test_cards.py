"""Cards of the models that a spec names."""

from __future__ import annotations

import json

import pytest

from stratos.catalog.cards import card_from_config, card_of, student_card
from stratos.catalog.safetensors import StoredTensor
from stratos.spec import Weights
from tests import factories
from tests.fakes import FilesInMemory

STUDENT = Weights(path="models/student/")


def described(**changes: bytes) -> str | None:
    """Why llama.cpp cannot serve a student with other files; None if it can."""
    files = factories.model_files() | {f"{name}.json": text for name, text in changes.items()}

    kept = {f"models/student/{name}": content for name, content in files.items() if content}
    return student_card(STUDENT, FilesInMemory(kept)).llama_cpp_obstacle


def test_a_students_tokenizer_decides_whether_llama_cpp_can_serve_it() -> None:
    assert described() is None
    tokenizer = json.loads(factories.model_files()["tokenizer.json"])
    unlike = json.dumps(tokenizer | {"pre_tokenizer": {"type": "Whitespace"}}).encode()
    assert "choose a student with one of these tokenizers" in (described(tokenizer=unlike) or "")


def test_a_tokenizer_of_another_format_is_left_to_the_job() -> None:
    assert described(tokenizer=b"") is None


@pytest.mark.parametrize("text", [b"[]", b"{}"])
def test_a_file_that_is_no_tokenizer_is_refused_by_name(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"models/student/tokenizer\.json is not what"):
        described(tokenizer=text)


GEMMA_3_4B: dict[str, object] = {
    "architectures": ["Gemma3ForConditionalGeneration"],
    "model_type": "gemma3",
    "text_config": {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "model_type": "gemma3_text",
        "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    },
    "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27},
}
"""As published, without the settings of tokens and images."""


def test_a_published_config_that_leaves_sizes_to_its_class_is_read() -> None:
    tensors = [StoredTensor("language_model.model.embed_tokens.weight", "BF16", (262_208, 2560))]
    for layer in range(34):
        at = f"language_model.model.layers.{layer}.self_attn"
        tensors.append(StoredTensor(f"{at}.q_proj.weight", "BF16", (2048, 2560)))
    card = card_from_config("gemma", GEMMA_3_4B, tensors)
    assert (card.num_heads, card.num_kv_heads, card.head_dim) == (8, 4, 256)
    assert (card.vocabulary_size, card.context_tokens) == (262_208, 131_072)
    # Every sixth layer sees everything.
    assert (card.num_window_layers, card.window_tokens) == (34 - 5, 1024)


def test_a_model_without_attention_has_a_card() -> None:
    mamba = {"model_type": "mamba", "hidden_size": 8, "num_hidden_layers": 2}
    names = ("backbone.embeddings", "backbone.layers.0.mixer.in_proj", "backbone.layers.1.norm")
    tensors = [StoredTensor(f"{name}.weight", "F32", (16, 8)) for name in names]
    card = card_from_config("m", mamba, tensors)
    assert (card.num_layers, card.num_heads, card.vocabulary_size) == (2, 1, 16)


def test_a_card_says_how_much_llama_cpp_holds_of_a_model_whose_window_it_lacks() -> None:
    files = factories.model_files()
    changed = {"max_position_embeddings": 32_768, "sliding_window": 4_096}
    for model_type, held in (("mistral", 4_096), ("qwen2", 32_768)):
        config = json.loads(files["config.json"]) | changed | {"model_type": model_type}
        folder = files | {"config.json": json.dumps(config).encode()}
        kept = {f"models/student/{name}": content for name, content in folder.items()}
        card = student_card(STUDENT, FilesInMemory(kept))
        assert (card.context_on("cpu"), card.context_on("cuda")) == (held, 32_768)


def test_a_folder_that_lacks_weights_has_no_card() -> None:
    tensors = factories.qwen2_tensors()
    del tensors["model.norm.weight"]
    files = factories.model_files() | {"model.safetensors": factories.safetensors_file(tensors)}
    kept = {f"models/student/{name}": content for name, content in files.items()}
    for describe in (card_of, student_card):
        with pytest.raises(ValueError, match="models/student lacks the last norm"):
            describe(STUDENT, FilesInMemory(kept))


def test_headers_are_read_once_for_a_card() -> None:
    kept = {f"models/student/{name}": text for name, text in factories.model_files().items()}
    for describe in (card_of, student_card):
        files = FilesInMemory(kept)
        describe(STUDENT, files)
        weights = [length for path, length in files.parts if path.endswith(".safetensors")]
        assert sum(length > 4 for length in weights) == 1
