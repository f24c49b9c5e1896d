"""Tokens, merges and ends of a tokenizer, as llama.cpp reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import gguf
from transformers import PreTrainedTokenizerBase

from stratos.catalog.exportable import require_rows
from stratos.catalog.pre_tokenizer import pre_tokenizer_name, require_tokenizer
from stratos.catalog.sentence_pieces import begins_with_blank, merges_pieces
from stratos.errors import NotExportable

_SPARE = "[PAD{}]"
"""Rows of the embeddings beyond the tokens; the network is padded, the vocabulary is not."""
_BYTE = re.compile("<0x[0-9A-F]{2}>")
_NEVER_MERGED = -1e9
_MOST_ENDS = 3
"""As eos, eot and eom."""
_TURN = [{"role": "user", "content": "?"}]


def write_vocabulary(
    writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerBase, rows: int, ends: Sequence[int]
) -> None:
    """Write the vocabulary and the chat template.

    Args:
        rows: Of the embeddings.
        ends: Token ids that end an answer.

    Raises:
        NotExportable: llama.cpp cannot tokenize in this way.
    """
    backend = require_vocabulary(tokenizer, rows, ends)
    tokens, types = _tokens(backend, rows)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if merges_pieces(backend):
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_add_space_prefix(begins_with_blank(backend))
        writer.add_token_scores(_scores(backend["model"], rows))
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre_tokenizer_name(backend))
        writer.add_token_merges(_merges(backend["model"]["merges"]))
    _write_ends(writer, tokenizer, ends)
    writer.add_add_bos_token(starts_by_itself(tokenizer))
    writer.add_chat_template(tokenizer.chat_template)


def require_vocabulary(
    tokenizer: PreTrainedTokenizerBase, rows: int, ends: Sequence[int]
) -> dict[str, Any]:
    """Return a tokenizer as its tokenizer.json, if llama.cpp can be given all of it.

    Raises:
        NotExportable: naming what it cannot be given.
    """
    backend: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    require_tokenizer(backend)
    require_rows(backend, rows)
    if merges_pieces(backend):
        _scores(backend["model"], rows)
    if len(ends) > _MOST_ENDS:
        raise NotExportable(
            f"answers end with any of {len(ends)} tokens, and llama.cpp can be told of "
            f"{_MOST_ENDS}; shorten eos_token_id in the model's generation_config.json"
        )
    return backend


def start_of_prompts(tokenizer: PreTrainedTokenizerBase) -> str:
    """The start token, if prompts begin with it."""
    start = tokenizer.bos_token
    if start is None:
        return ""
    rendered = tokenizer.apply_chat_template(_TURN, tokenize=False, add_generation_prompt=True)
    return str(start) if str(rendered).startswith(start) else ""


def starts_by_itself(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the start token is to be put before every text.

    A tokenizer may do so, but students are taught on what the template renders and nothing more.
    """
    if not start_of_prompts(tokenizer):
        return False
    return bool(tokenizer("?")["input_ids"][:1] == [tokenizer.bos_token_id])


def _tokens(backend: dict[str, Any], rows: int) -> tuple[list[str], list[int]]:
    known = {
        index: (text, gguf.TokenType.NORMAL) for text, index in backend["model"]["vocab"].items()
    }
    if merges_pieces(backend):
        known |= {
            index: (text, gguf.TokenType.BYTE)
            for index, (text, _) in known.items()
            if _BYTE.fullmatch(text)
        }
    for added in backend["added_tokens"]:
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        known[added["id"]] = (added["content"], kind)
    found = [
        known.get(index, (_SPARE.format(index), gguf.TokenType.UNUSED)) for index in range(rows)
    ]
    return [text for text, _ in found], [int(kind) for _, kind in found]


def _scores(model: dict[str, Any], rows: int) -> list[float]:
    """The higher, the sooner a piece is merged: llama.cpp knows no pairs, only what comes of them.

    Raises:
        NotExportable: it depends on the pair, too.
    """
    vocabulary, scores = model["vocab"], [_NEVER_MERGED] * rows
    last = None
    for rank, (left, right) in enumerate(model["merges"]):
        piece = vocabulary[left + right]
        if scores[piece] == _NEVER_MERGED:
            scores[piece] = -float(rank)
        elif piece != last and len(set(left + right)) > 1:
            # A run of one character is made of many pairs; the texts compared hold long ones.
            raise NotExportable(
                f"the tokenizer merges {left!r} and {right!r} later than others that make the same "
                "piece, and llama.cpp merges all of them at once; choose a student with another "
                "tokenizer"
            )
        last = piece
    return scores


def _merges(merges: Sequence[Sequence[str]]) -> list[str]:
    return [" ".join(pair) for pair in merges]


def _write_ends(
    writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerBase, ends: Sequence[int]
) -> None:
    first = tokenizer.eos_token_id if tokenizer.eos_token_id in ends else ends[0]
    writer.add_eos_token_id(first)
    others = [end for end in ends if end != first]
    for write, end in zip((writer.add_eot_token_id, writer.add_eom_token_id), others, strict=False):
        write(end)
    # llama.cpp takes token 11 for the start unless it is told another.
    writer.add_bos_token_id(first if tokenizer.bos_token_id is None else tokenizer.bos_token_id)
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    if tokenizer.unk_token_id is not None:
        writer.add_unk_token_id(tokenizer.unk_token_id)
