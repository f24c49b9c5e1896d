"""Tokenizers that merge characters, with blanks as ▁ and unknown characters as bytes.

SentencePiece's way, as a `tokenizer.json` has it: Llama 2, Mistral before Nemo, Gemma.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratos.errors import NotExportable

BLANK = "▁"
_REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}
_SPLIT = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}
_BEFORE = {"always": ("first",), "first": ("very first",), "never": ()}


def merges_pieces(tokenizer: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json is of this kind."""
    return bool(tokenizer["model"].get("byte_fallback"))


def begins_with_blank(tokenizer: Mapping[str, Any]) -> bool:
    """Whether a blank is put before every text between added tokens, so that `a` becomes `▁a`.

    Some put one at the very beginning alone; prompts that begin with an added token have none.

    Raises:
        NotExportable: llama.cpp does not do the same.
    """
    model = tokenizer["model"]
    unlike = [
        f"{name} {model.get(name)!r}"
        for name, wanted in (("type", "BPE"), ("dropout", None), ("ignore_merges", False))
        if (model.get(name) or wanted) != wanted
    ]
    if unlike:
        raise NotExportable(
            f"the tokenizer falls back on bytes and has {', '.join(unlike)}, which llama.cpp does "
            "not; choose a student with another tokenizer"
        )
    steps = (*_steps(tokenizer.get("normalizer")), *_steps(tokenizer.get("pre_tokenizer")))
    match steps:
        case ("blanks",) | ("very first", "blanks"):
            return False
        case ("first", "blanks"):
            return True
    raise NotExportable(
        "the tokenizer falls back on bytes and prepares text by "
        f"{' then '.join(steps) or 'nothing'}; llama.cpp replaces blanks, with or without one "
        "before every text. Choose a student with another tokenizer"
    )


def _steps(part: Mapping[str, Any] | None) -> tuple[str, ...]:
    if part is None:
        return ()
    if part["type"] == "Sequence":
        inner = part.get("normalizers") or part.get("pretokenizers") or ()
        return tuple(step for each in inner for step in _steps(each))
    told = {name: value for name, value in part.items() if name != "invert"}
    match told:
        case {"type": "Prepend", "prepend": "▁"}:
            return ("first",)
        case {"type": "Metaspace", "replacement": "▁", "split": False, "prepend_scheme": scheme}:
            return (*_BEFORE[scheme], "blanks")
    if told == _REPLACE:
        return ("blanks",)
    if told == _SPLIT:
        # No blank is left by then.
        return ()
    return (str(dict(part)),)
