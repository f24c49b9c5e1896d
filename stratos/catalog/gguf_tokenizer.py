"""The tokenizer of a GGUF as `tokenizer.json` and `tokenizer_config.json`.

llama.cpp splits text by the name in `tokenizer.ggml.pre`, which Transformers knows in part. A name
that is not known here is refused, since a wrong one is silent.
"""

from __future__ import annotations

from collections.abc import Sequence

from stratos.catalog.gguf_header import GgufHeader
from stratos.catalog.pre_tokenizer import pre_tokenizer_named
from stratos.catalog.sentence_pieces import BLANK

_CONTROL, _USER_DEFINED, _UNUSED, _UNKNOWN = 3, 4, 5, 2
_LONGEST_PIECE = 512
_ENDS_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<turn|>")
"""That llama.cpp stops at without being told."""


def gguf_tokenizer(header: GgufHeader, name: str) -> dict[str, object]:
    """Describe the tokenizer as `tokenizer.json` does.

    Args:
        name: Of the file, for messages.

    Raises:
        ValueError: naming what is not read, and what would work.
    """
    kind = header.text("tokenizer.ggml.model")
    tokens = _texts(header, "tokenizer.ggml.tokens")
    types = _types(header, len(tokens))
    if kind == "gpt2":
        parts = _byte_level(header, tokens, types, name)
    elif kind == "llama":
        parts = _sentence_pieces(header, tokens, name)
    else:
        raise ValueError(
            f"{name} has a tokenizer of kind {kind!r}; gpt2 (byte-level BPE) and llama "
            "(SentencePiece) are read. Upload the model's folder of safetensors instead"
        )
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": tokens[index],
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": types[index] != _USER_DEFINED,
            }
            for index in range(len(tokens))
            if types[index] in (_CONTROL, _USER_DEFINED, _UNKNOWN)
        ],
        "post_processor": _start(header, tokens, kind),
        **parts,
    }


def gguf_tokenizer_config(header: GgufHeader) -> dict[str, object]:
    """The special tokens and the chat template, as `tokenizer_config.json` has them."""
    tokens = _texts(header, "tokenizer.ggml.tokens")
    names = {"bos": "bos", "eos": "eos", "padding": "pad", "unknown": "unk"}
    config: dict[str, object] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
    }
    for told, key in names.items():
        index = header.integer(f"tokenizer.ggml.{told}_token_id")
        if index is not None and 0 <= index < len(tokens):
            config[f"{key}_token"] = tokens[index]
    template = header.text("tokenizer.chat_template")
    return config | ({"chat_template": template} if template else {})


def gguf_ends(header: GgufHeader) -> list[int]:
    """The tokens that end an answer, that of the file's `eos` first."""
    told = [header.integer(f"tokenizer.ggml.{end}_token_id") for end in ("eos", "eot", "eom")]
    tokens = _texts(header, "tokenizer.ggml.tokens")
    types = _types(header, len(tokens))
    known = [
        index
        for index, token in enumerate(tokens)
        if types[index] in (_CONTROL, _USER_DEFINED) and token in _ENDS_OF_TURN
    ]
    return list(dict.fromkeys(index for index in (*told, *known) if index is not None))


def _byte_level(
    header: GgufHeader, tokens: Sequence[str], types: Sequence[int], name: str
) -> dict[str, object]:
    told = header.text("tokenizer.ggml.pre")
    try:
        splits, ignore_merges = pre_tokenizer_named(told or "")
    except LookupError as error:
        raise ValueError(
            f"{name} has tokenizer.ggml.pre {told!r}; {error}. Upload the model's folder of "
            "safetensors instead, or name it by `hub`"
        ) from error
    vocabulary = {
        token: index
        for index, token in enumerate(tokens)
        # Rows of the embeddings beyond the vocabulary have names of their own, `[PAD…]`.
        if types[index] != _UNUSED
    }
    merges = [merge.split(" ", 1) for merge in _texts(header, "tokenizer.ggml.merges")]
    return {
        "normalizer": None,
        "pre_tokenizer": splits,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": _model(vocabulary, merges, ignore_merges=ignore_merges),
    }


def _sentence_pieces(header: GgufHeader, tokens: Sequence[str], name: str) -> dict[str, object]:
    scores = header.metadata.get("tokenizer.ggml.scores")
    if not isinstance(scores, tuple) or len(scores) != len(tokens):
        raise ValueError(f"{name} has no scores of its tokens; convert the model again")
    numbers = [score if isinstance(score, int | float) else 0.0 for score in scores]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    prefixed = header.metadata.get("tokenizer.ggml.add_space_prefix", True)
    blanks = {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}
    first = [{"type": "Prepend", "prepend": BLANK}] if prefixed else []
    stripped = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    unknown = header.integer("tokenizer.ggml.unknown_token_id")
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*first, blanks]},
        "pre_tokenizer": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": BLANK}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                *([stripped] if prefixed else []),
            ],
        },
        "model": _model(vocabulary, _merges_of(tokens, vocabulary, numbers))
        | {
            "byte_fallback": True,
            "fuse_unk": True,
            "unk_token": None if unknown is None else tokens[unknown],
        },
    }


def _merges_of(
    tokens: Sequence[str], vocabulary: dict[str, int], scores: Sequence[float]
) -> list[list[str]]:
    """The pairs that make each token, best score first, as llama.cpp joins them."""
    merges = []
    for index in sorted(range(len(tokens)), key=lambda index: -scores[index]):
        token = tokens[index]
        if len(token) > _LONGEST_PIECE:  # every place to cut it is tried
            raise ValueError(
                f"token {index} of the GGUF has {len(token):,} characters, and no vocabulary one "
                f"of more than {_LONGEST_PIECE}; convert the model again"
            )
        pairs = [
            (vocabulary[token[:cut]], vocabulary[token[cut:]])
            for cut in range(1, len(token))
            if token[:cut] in vocabulary and token[cut:] in vocabulary
        ]
        merges += [[tokens[left], tokens[right]] for left, right in sorted(pairs)]
    return merges


def _model(
    vocabulary: dict[str, int], merges: list[list[str]], *, ignore_merges: bool = False
) -> dict[str, object]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": ignore_merges,
        "vocab": vocabulary,
        "merges": merges,
    }


def _start(header: GgufHeader, tokens: Sequence[str], kind: str | None) -> dict[str, object] | None:
    """What puts the start token before every text, where the file asks for it."""
    asked = header.metadata.get("tokenizer.ggml.add_bos_token", kind == "llama")
    index = header.integer("tokenizer.ggml.bos_token_id")
    if not asked or index is None:
        return None
    token = tokens[index]
    first = {"SpecialToken": {"id": token, "type_id": 0}}
    text, other = ({"Sequence": {"id": name, "type_id": n}} for n, name in enumerate("AB"))
    second = {"SpecialToken": {"id": token, "type_id": 1}}
    return {
        "type": "TemplateProcessing",
        "single": [first, text],
        "pair": [first, text, second, other],
        "special_tokens": {token: {"id": token, "ids": [index], "tokens": [token]}},
    }


def _texts(header: GgufHeader, key: str) -> list[str]:
    value = header.metadata.get(key)
    if not isinstance(value, tuple) or not value:
        raise ValueError(
            f"the GGUF has no {key}; upload the model's folder of safetensors with its "
            "tokenizer.json instead"
        )
    return [str(item) for item in value]


def _types(header: GgufHeader, size: int) -> list[int]:
    value = header.metadata.get("tokenizer.ggml.token_type")
    if not isinstance(value, tuple) or len(value) != size:
        return [1] * size
    return [item if isinstance(item, int) else 1 for item in value]
