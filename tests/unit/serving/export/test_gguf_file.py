"""GGUF of each family, answered by llama.cpp's own server."""

import logging

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from serving.export import gguf_file
from serving.export.gguf_file import require_exportable, write_gguf
from serving.llama_cpp.process import LlamaServer
from stratos.errors import NotExportable
from tests.unit.serving.export.tiny_folders import (
    greedy_answers,
    save,
    served_answers,
    tokenizer_of,
)

ARGUMENTS = ["--ctx-size", "256", "--parallel", "1", "--jinja", "--no-warmup", "--threads", "1"]
EXACT = [*ARGUMENTS, "--no-cache-prompt", "--flash-attn", "off"]
EXACT += ["--cache-type-k", "f32", "--cache-type-v", "f32"]
"""Unless told, llama.cpp attends in float16, whatever the weights are in."""
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 5e5,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN_ROPE = {
    "rope_type": "yarn",
    "rope_theta": 1e4,
    "factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR_ROPE = {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}


def weights_of(path):
    """Every tensor of a GGUF by name, as float32."""
    return {
        # A copy, since the file may be written again.
        tensor.name: np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type))
        for tensor in gguf.GGUFReader(path).tensors
    }


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": False, "attention_bias": True}),
        ("llama", {"rope_parameters": LLAMA3_ROPE}),
        ("qwen2", {}),
        ("qwen2", {"rope_parameters": YARN_ROPE}),
        ("qwen3", {"tie_word_embeddings": False}),
        ("qwen3", {"rope_parameters": LINEAR_ROPE}),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_llama_cpp_answers_as_transformers_does_in_float32(tmp_path, family, changes):
    folder = save(tmp_path, family, **changes)
    with LlamaServer(write_gguf(folder, "float32"), EXACT) as server:
        served = served_answers(server, folder)
    assert served == greedy_answers(folder)
    assert len({tuple(answer) for answer in served}) > 10


@pytest.mark.parametrize("precision", ["float16", "q8_0", "q4_k_m"])
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_a_smaller_precision_is_served(tmp_path, family, precision):
    folder = save(tmp_path, family)
    path = write_gguf(folder, precision)
    assert path.name == ("model.gguf" if precision == "float16" else f"model-{precision}.gguf")
    with LlamaServer(path, ARGUMENTS) as server:
        assert any(served_answers(server, folder))


@pytest.mark.parametrize(
    ("precision", "error"), [("float16", 1e-3), ("q8_0", 0.01), ("q4_k_m", 0.1)]
)
def test_what_is_stored_is_close_to_the_weights(tmp_path, precision, error):
    folder = save(tmp_path, hidden_size=256, intermediate_size=256, num_hidden_layers=2)
    exact = weights_of(write_gguf(folder, "float32"))
    stored = weights_of(write_gguf(folder, precision))
    assert stored.keys() == exact.keys()
    for name, weight in exact.items():
        distance = np.linalg.norm(stored[name] - weight) / np.linalg.norm(weight)
        assert distance <= error, name
        if weight.ndim == 1:
            np.testing.assert_array_equal(stored[name], weight)


def test_a_bfloat16_model_is_written_in_float32_without_loss(tmp_path):
    folder = save(tmp_path, dtype=torch.bfloat16)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    stored = weights_of(write_gguf(folder, "float32"))
    embeddings = model.get_input_embeddings().weight.detach().numpy()
    np.testing.assert_array_equal(stored["token_embd.weight"], embeddings)


def test_a_number_beyond_float16_is_refused(tmp_path):
    folder = save(tmp_path, initializer_range=1e5)
    with pytest.raises(NotExportable, match=r"float16 cannot; ask for hosting.precision float32"):
        write_gguf(folder, "float16")


def test_the_log_says_how_far_a_large_file_is(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(gguf_file, "_TELL_SECONDS", 0.0)
    caplog.set_level(logging.INFO, logger="serving")
    write_gguf(save(tmp_path), "q8_0")
    assert caplog.messages[:2] == [
        "model-q8_0.gguf: 0 of 35 tensors",
        "model-q8_0.gguf: 1 of 35 tensors",
    ]


def test_a_model_is_refused_before_it_is_trained(tmp_path):
    folder = save(tmp_path)
    config = AutoModelForCausalLM.from_pretrained(folder).config
    tokenizer = tokenizer_of()
    require_exportable(config, tokenizer, [1, 2, 3])
    with pytest.raises(NotExportable, match="any of 4 tokens"):
        require_exportable(config, tokenizer, [1, 2, 3, 4])
    config.vocab_size = 512
    tokenizer.add_tokens(["<mark>"])
    with pytest.raises(NotExportable, match="token 512, the model only 512 rows"):
        require_exportable(config, tokenizer, [1])
    with pytest.raises(NotExportable, match="models of type 'gpt2'"):
        require_exportable(AutoConfig.for_model("gpt2"), tokenizer, [1])
