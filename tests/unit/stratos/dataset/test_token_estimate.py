"""Token counts without a tokenizer library."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from stratos.dataset.token_estimate import (
    by_characters,
    by_vocabulary,
    counter_of,
    longest_prompt,
    mean_tokens,
)
from tests.fakes import FilesInMemory

TEXT = (
    "A farmer has twelve sheep and buys seven more at the market. On the way home three run "
    "away, über die Brücke, and he sells half of the rest. How many sheep are left?"
)


@pytest.mark.parametrize("size", [300, 400, 1000])
def test_the_estimate_is_within_a_quarter_of_byte_level_bpe(size: int) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(
        [TEXT.replace("sheep", animal) for animal in ["sheep", "cows"]], trainer
    )
    real = len(tokenizer.encode(TEXT).ids)
    assert by_vocabulary(tokenizer.to_str())(TEXT) == pytest.approx(real, rel=0.25)


def test_without_a_vocabulary_four_characters_are_a_token() -> None:
    assert by_characters("x" * 40) == 10
    assert mean_tokens(["x" * 40, "x" * 80], by_characters) == 15
    assert mean_tokens([], by_characters) == 0


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", json.dumps({"model": {"vocab": {}}})])
def test_a_file_without_a_vocabulary_is_refused(content: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.json holds"):
        by_vocabulary(content)


def test_the_first_folder_with_a_vocabulary_counts() -> None:
    files = FilesInMemory(
        {
            "broken/tokenizer.json": b"{}",
            "whole/tokenizer.json": json.dumps({"model": {"vocab": {"Hi": 0}}}).encode(),
        }
    )
    assert counter_of(files, ["none", "broken", "whole/"])("Hi") == 1
    assert counter_of(files, ["none", "broken"])("Hi") == 0.5
    assert counter_of(files, [])("Hi") == 0.5


def test_the_longest_prompt_is_as_dense_as_the_densest_of_a_sample() -> None:
    def count(text: str) -> float:
        return len(text) / (2.0 if text.startswith("1") else 4.0)

    assert longest_prompt(["word" * 10, "1234"], count, characters=400) == 200
    assert longest_prompt([""], count, characters=400) is None


@pytest.mark.parametrize("pre_tokenizer", ["ByteLevel", "Metaspace"])
def test_a_mark_that_was_added_to_the_vocabulary_is_one_token(pre_tokenizer: str) -> None:
    tokenizer = {
        "model": {"vocab": {"u": 0, "s": 1}},
        "pre_tokenizer": {"type": pre_tokenizer},
        "added_tokens": [{"id": 2, "content": "<|im start|>"}],
    }
    assert by_vocabulary(json.dumps(tokenizer))("<|im start|>us") == 3
