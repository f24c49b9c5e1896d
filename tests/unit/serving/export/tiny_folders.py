"""Tiny random models of each family as folders, with the example's tokenizer, and their answers."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from serving.export.chat_template import served_template
from serving.export.settings import write_settings
from serving.llama_cpp.process import LlamaServer

TOKENIZER = Path(__file__).parents[4] / "examples/word-problems/models/student-base"
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}"
    "{% if m.role == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
THINKING_TEMPLATE = TEMPLATE + (
    "{%- if add_generation_prompt and enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
)
"""As Qwen3's: a request that says nothing gets a model that thinks."""
TOOL_TEMPLATE = (
    "{%- if tools %}{{- '<|system|>You may call:' }}"
    "{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}{%- endif %}"
    "{%- for m in messages %}"
    "{%- if m.role == 'tool' %}{{- '<|user|><tool_response>' + m.content + '</tool_response>' }}"
    "{%- else %}{{- '<|' + m.role + '|>' + m.content }}"
    "{%- for call in m.tool_calls or [] %}"
    '{{- \'<tool_call>\\n{"name": "\' + call.function.name + \'", "arguments": \' }}'
    "{{- call.function.arguments | tojson }}{{- '}\\n</tool_call>' }}{%- endfor %}"
    "{%- if m.role == 'assistant' %}{{- '<|end|>' }}{%- endif %}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"
)
"""Calls as Hermes and Qwen write them."""
QUESTIONS = [f"What is {one} + {other}?" for one in (1, 20, 33, 456) for other in (7, 8, 90, 1, 0)]
FAMILIES: dict[str, tuple[Any, Any]] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}
_NEW_TOKENS = 12


def tokenizer_of(folder: Path = TOKENIZER, template: str = TEMPLATE) -> PreTrainedTokenizerBase:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    return tokenizer


def save(
    folder: Path,
    family: str = "qwen3",
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    dtype: torch.dtype = torch.float32,
    **changes: Any,
) -> Path:
    """Write an artifact as a job leaves it, before its GGUF."""
    tokenizer = tokenizer or tokenizer_of()
    shape: dict[str, Any] = {
        # Rows to spare, as most models have. For qwen2, transformers adds a token of its own.
        "vocab_size": len(tokenizer) + 8,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "bos_token_id": None,
        **changes,
    }
    if family != "qwen2":
        shape = {"head_dim": 24, **shape}
    torch.manual_seed(3)
    config, model = FAMILIES[family]
    made = model(config(**shape))
    for name, parameter in made.named_parameters():
        # As new they would be zeros and ones, which hide a tensor in the wrong place.
        if parameter.ndim == 1:
            spread = 0.1 * torch.randn_like(parameter)
            parameter.data = parameter.data + spread if "norm" in name else spread
    _write_text_only(made, tokenizer)
    made.to(dtype).save_pretrained(folder)
    tokenizer.chat_template = served_template(tokenizer)
    tokenizer.save_pretrained(folder)
    write_settings(folder, tokenizer, [1])
    return folder


def _write_text_only(model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    """Keep a random model from writing bytes that are no text: llama.cpp answers those with 500."""
    vocabulary = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    silent = torch.ones(model.config.vocab_size, dtype=torch.bool)
    silent[: len(vocabulary)] = torch.tensor([not token.isascii() for token in vocabulary])
    with torch.no_grad():
        model.get_output_embeddings().weight[silent] = 0


def prompts(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
        )
        for question in QUESTIONS
    ]
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def greedy_answers(folder: Path) -> list[list[int]]:
    """What transformers answers in float32."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    answers = []
    for prompt in prompts(tokenizer):
        tokens = torch.tensor([prompt])
        written = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=_NEW_TOKENS,
            do_sample=False,
            temperature=None,
        )
        answers.append(_until_end(written[0, len(prompt) :].tolist()))
    return answers


def served_answers(server: LlamaServer, folder: Path) -> list[list[int]]:
    """What llama.cpp answers."""
    told = {"n_predict": _NEW_TOKENS, "temperature": 0, "return_tokens": True}
    return [
        _until_end(ask(server, "/completion", {"prompt": prompt, **told})["tokens"])
        for prompt in prompts(AutoTokenizer.from_pretrained(folder))
    ]


def ask(server: LlamaServer, path: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json", **server.headers}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _until_end(tokens: list[int]) -> list[int]:
    return tokens[: tokens.index(1)] if 1 in tokens else tokens
