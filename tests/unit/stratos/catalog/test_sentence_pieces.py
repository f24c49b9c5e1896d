"""Tokenizers that fall back on bytes: what llama.cpp does with text alike, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.catalog.pre_tokenizer import require_tokenizer
from stratos.catalog.sentence_pieces import begins_with_blank, merges_pieces
from stratos.errors import NotExportable

REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
PREPEND = {"type": "Prepend", "prepend": "▁"}
SPLIT = {
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "MergedWithPrevious",
    "invert": False,
}


def tokenizer(
    normalizer: dict[str, Any] | None, pre_tokenizer: dict[str, Any] | None, **model: Any
) -> dict[str, Any]:
    return {
        "model": {"type": "BPE", "byte_fallback": True, "vocab": {}, "merges": [], **model},
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
    }


def metaspace(scheme: str, *, split: bool = False) -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


@pytest.mark.parametrize(
    ("found", "blank"),
    [
        (tokenizer(REPLACE, SPLIT), False),
        (tokenizer({"type": "Sequence", "normalizers": [PREPEND, REPLACE]}, None), True),
        (tokenizer(None, metaspace("always")), True),
        (tokenizer(None, metaspace("never")), False),
        (tokenizer(None, metaspace("first")), False),
    ],
    ids=["Gemma", "Llama 2", "always", "never", "Mistral"],
)
def test_a_known_way_is_recognised(found: dict[str, Any], blank: bool) -> None:
    assert merges_pieces(found)
    assert begins_with_blank(found) is blank
    require_tokenizer(found)


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (tokenizer(None, metaspace("always", split=True)), "'split': True"),
        (tokenizer({"type": "Lowercase"}, SPLIT), "Lowercase"),
        (tokenizer(None, None), "prepares text by nothing"),
        (tokenizer(REPLACE, SPLIT, type="Unigram"), "type 'Unigram'"),
        (tokenizer(REPLACE, SPLIT, ignore_merges=True), "ignore_merges True"),
    ],
)
def test_another_way_is_named(found: dict[str, Any], named: str) -> None:
    with pytest.raises(NotExportable, match=named):
        require_tokenizer(found)
