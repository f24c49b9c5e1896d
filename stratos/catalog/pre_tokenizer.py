"""How a tokenizer splits text before it merges bytes, by the name that llama.cpp has for it.

llama.cpp takes any name and splits text in that way. A wrong one is silent, so none is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stratos.catalog.sentence_pieces import begins_with_blank, merges_pieces
from stratos.errors import NotExportable

_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_ONE_DIGIT = f"split {_CONTRACTIONS}|{_LETTERS}|" + r"\p{N}|" + _REST
_THREE_DIGITS = f"split {_CONTRACTIONS}|{_LETTERS}|" + r"\p{N}{1,3}|" + _REST
_MARKS = (
    f"split {_CONTRACTIONS}|"
    r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_FIRST = r"[^\r\n\p{L}\p{N}]?"
_AFTER_CASES = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT4O = (
    f"split {_FIRST}{_UPPER}*{_LOWER}+{_CONTRACTIONS}?|{_FIRST}{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    r"|\p{N}{1,3}|" + _AFTER_CASES
)
_TEKKEN = f"split {_FIRST}{_UPPER}*{_LOWER}+|{_FIRST}{_UPPER}+{_LOWER}*" + r"|\p{N}|" + _AFTER_CASES
_GPT2 = "bytes after GPT-2's split"
_BYTES = "bytes"

_NAMES: dict[tuple[tuple[str, ...], bool], str] = {
    ((_GPT2,), False): "gpt-2",
    (("single digits", _GPT2), False): "smollm",
    ((_ONE_DIGIT, _BYTES), False): "qwen2",
    ((_THREE_DIGITS, _BYTES), True): "llama-bpe",
    ((_THREE_DIGITS, _BYTES), False): "smaug-bpe",
    ((_MARKS, _BYTES), False): "qwen35",
}
"""Steps, and whether a whole word that is a token needs no merges → `tokenizer.ggml.pre`."""
KNOWN = tuple(_NAMES.values())
_SAME = {
    "llama3": "llama-bpe",
    "llama-v3": "llama-bpe",
    "deepseek-r1-qwen": "qwen2",
}
"""Other names that llama.cpp has for the same way."""


def require_tokenizer(tokenizer: Mapping[str, Any]) -> None:
    """Refuse a tokenizer that llama.cpp does not know.

    Raises:
        NotExportable: naming what differs.
    """
    if merges_pieces(tokenizer):
        begins_with_blank(tokenizer)
    else:
        pre_tokenizer_name(tokenizer)


def pre_tokenizer_name(tokenizer: Mapping[str, Any]) -> str:
    """The name of a `tokenizer.json`'s way to split text.

    Raises:
        NotExportable: llama.cpp does not split text in this way, or it is not known that it does.
    """
    _require_byte_level_bpe(tokenizer)
    steps = _steps(tokenizer["pre_tokenizer"])
    if steps[:1] in ([_GPT4O], [_TEKKEN]):
        # llama.cpp has names for these, which do not split as the tokenizers of that name.
        raise NotExportable(
            "the tokenizer splits text at capitals, as GPT-4o's and Mistral's since Nemo do; "
            "llama.cpp knows capitals in ASCII alone: it parts FRANÇAIS after Ç. Choose a student "
            "with another tokenizer, or a server with a GPU"
        )
    name = _NAMES.get((tuple(steps), bool(tokenizer["model"].get("ignore_merges"))))
    if name is None:
        raise NotExportable(
            f"the tokenizer splits text by {' then '.join(steps)}, "
            f"ignore_merges {bool(tokenizer['model'].get('ignore_merges'))}; llama.cpp is not "
            f"known to. Known are the ways of {', '.join(KNOWN)}; choose a student with "
            "one of these tokenizers"
        )
    return name


def _require_byte_level_bpe(tokenizer: Mapping[str, Any]) -> None:
    model = tokenizer["model"]
    # llama.cpp composes no characters either: both see the same text as long as it is composed.
    normalizer = (tokenizer.get("normalizer") or {"type": "NFC"})["type"]
    unlike = [
        f"{name} {value!r}"
        for name, value, wanted in (
            ("model", model["type"], "BPE"),
            ("byte_fallback", model.get("byte_fallback") or False, False),
            ("continuing_subword_prefix", model.get("continuing_subword_prefix") or "", ""),
            ("end_of_word_suffix", model.get("end_of_word_suffix") or "", ""),
            ("normalizer", normalizer, "NFC"),
        )
        if value != wanted
    ]
    if not unlike and not model.get("merges"):
        unlike = ["no merges, which llama.cpp demands"]
    if unlike:
        raise NotExportable(
            f"the tokenizer has {', '.join(unlike)}; llama.cpp is given byte-level BPE, or pieces "
            "with bytes to fall back on. Choose a student with such a tokenizer"
        )


def _steps(pre_tokenizer: Mapping[str, Any] | None) -> list[str]:
    if pre_tokenizer is None:
        return ["nothing"]
    match pre_tokenizer:
        case {"type": "Sequence", "pretokenizers": parts}:
            return [step for part in parts for step in _steps(part)]
        case {"type": "Digits", "individual_digits": True}:
            return ["single digits"]
        case {"type": "ByteLevel", "add_prefix_space": False, **settings}:
            return [_GPT2 if settings.get("use_regex", True) else _BYTES]
        case {"type": "Split", "pattern": {"Regex": pattern}, "behavior": kept, **settings}:
            # Of a pattern that leaves nothing out, the two are one.
            if (kept, bool(settings.get("invert"))) in (("Isolated", False), ("Removed", True)):
                return [f"split {pattern}"]
    return [json.dumps(pre_tokenizer, ensure_ascii=False)]


def pre_tokenizer_named(name: str) -> tuple[dict[str, Any], bool]:
    """The way to split text that llama.cpp has a name for.

    Returns:
        The `pre_tokenizer` of a tokenizer.json, and its model's `ignore_merges`.

    Raises:
        LookupError: the name is not known.
    """
    for (steps, ignore_merges), known in _NAMES.items():
        if known == _SAME.get(name, name):
            parts = [_step(step) for step in steps]
            return {"type": "Sequence", "pretokenizers": parts}, ignore_merges
    raise LookupError(f"known ways to split text are those of {', '.join((*KNOWN, *_SAME))}")


def _step(step: str) -> dict[str, Any]:
    if step == "single digits":
        return {"type": "Digits", "individual_digits": True}
    if step in (_GPT2, _BYTES):
        settings = {"add_prefix_space": False, "trim_offsets": True, "use_regex": step == _GPT2}
        return {"type": "ByteLevel", **settings}
    pattern = {"Regex": step.removeprefix("split ")}
    return {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
