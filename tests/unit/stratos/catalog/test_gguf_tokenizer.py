from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from stratos.catalog.gguf_tokenizer import gguf_ends, gguf_tokenizer, gguf_tokenizer_config
from stratos.catalog.pre_tokenizer import KNOWN, pre_tokenizer_name
from tests.tiny_gguf import write_tiny_gguf
from tests.unit.stratos.catalog.gguf_files import changed_gguf, header_of


def test_a_tokenizer_is_one_that_splits_text_as_its_name_says(tmp_path: Path) -> None:
    header, _ = header_of(write_tiny_gguf(tmp_path / "tiny.gguf"))
    described = gguf_tokenizer(header, "tiny.gguf")
    assert pre_tokenizer_name(described) == "smollm"
    tokenizer = Tokenizer.from_str(json.dumps(described))
    encoded = tokenizer.encode('<|im_start|>a 12!"')
    assert encoded.tokens == ["<|im_start|>", "a", "Ġ", "1", "2", '!"']
    assert tokenizer.decode(encoded.ids, skip_special_tokens=False) == '<|im_start|>a 12!"'


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_name_gives_the_splits_that_have_it(tmp_path: Path, name: str) -> None:
    path = changed_gguf(tmp_path / "x.gguf", texts={"tokenizer.ggml.pre": name})
    assert pre_tokenizer_name(gguf_tokenizer(header_of(path)[0], "x")) == name


def test_another_name_for_the_same_splits_is_known(tmp_path: Path) -> None:
    path = changed_gguf(tmp_path / "x.gguf", texts={"tokenizer.ggml.pre": "llama-v3"})
    assert pre_tokenizer_name(gguf_tokenizer(header_of(path)[0], "x")) == "llama-bpe"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"tokenizer.ggml.pre": "bailingmoe"}, "pre 'bailingmoe'; known ways .* gpt-2, smollm"),
        ({"tokenizer.ggml.model": "rwkv"}, "a tokenizer of kind 'rwkv'; gpt2"),
        ({"tokenizer.ggml.model": "llama"}, "has no scores of its tokens"),
    ],
)
def test_an_unknown_tokenizer_is_refused_by_name(
    tmp_path: Path, texts: dict[str, str], message: str
) -> None:
    header, _ = header_of(changed_gguf(tmp_path / "x.gguf", texts=texts))
    with pytest.raises(ValueError, match=message):
        gguf_tokenizer(header, "x.gguf")


def test_special_tokens_ends_and_template_are_those_of_the_file(tmp_path: Path) -> None:
    header, _ = header_of(write_tiny_gguf(tmp_path / "tiny.gguf"))
    config = gguf_tokenizer_config(header)
    assert config["eos_token"] == "<|im_end|>"
    assert "<|im_start|>" in str(config["chat_template"])
    assert gguf_ends(header) == [258]


def test_a_piece_as_long_as_none_is_is_refused(tmp_path: Path) -> None:
    header, _ = header_of(write_tiny_gguf(tmp_path / "tiny.gguf"))
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, tuple)
    pieces = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": (*tokens[:-1], "a" * 100_000),
        "tokenizer.ggml.scores": (0.0,) * len(tokens),
    }
    changed = replace(header, metadata={**header.metadata, **pieces})
    with pytest.raises(ValueError, match="token 258 of the GGUF has 100,000 characters"):
        gguf_tokenizer(changed, "x.gguf")
