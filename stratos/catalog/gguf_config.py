"""The `config.json` that a GGUF describes.

Transformers builds one, too, and leaves out what it has no name for: the scaling of a rotary
embedding, or the width of a head. Here whatever is not understood is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stratos.catalog.architecture import FULL_ATTENTION, WINDOWED
from stratos.catalog.exportable_families import gemma3_query_scale
from stratos.catalog.gguf_header import GgufHeader, GgufTensor, ReadRange
from stratos.catalog.gguf_rope import ROPE_FACTORS, rope_scaling
from stratos.catalog.gguf_sizes import GgufSizes, rounded

_GEMMA3_PATTERN = 6
_GEMMA3_THETA, _GEMMA3_LOCAL_THETA = 1_000_000.0, 10_000.0
_COMMON_KEYS = frozenset(
    {
        "attention.head_count",
        "attention.head_count_kv",
        "attention.head_dim",
        "attention.key_length",
        "attention.layer_norm_rms_epsilon",
        "attention.value_length",
        "block_count",
        "context_length",
        "embedding_length",
        "feed_forward_length",
        "rope.dimension_count",
        "rope.freq_base",
        "rope.scaling.attn_factor",
        "rope.scaling.factor",
        "rope.scaling.finetuned",
        "rope.scaling.original_context_length",
        "rope.scaling.type",
        "rope.scaling.yarn_beta_fast",
        "rope.scaling.yarn_beta_slow",
        "vocab_size",
    }
)
_BLOCK = (
    "attn_norm.weight",
    "attn_q.weight",
    "attn_k.weight",
    "attn_v.weight",
    "attn_output.weight",
    "ffn_norm.weight",
    "ffn_gate.weight",
    "ffn_up.weight",
    "ffn_down.weight",
)
_NORMS_OF_HEADS = ("attn_q_norm.weight", "attn_k_norm.weight")
_BIASES = ("attn_q.bias", "attn_k.bias", "attn_v.bias")


@dataclass(frozen=True)
class _Family:
    """How an architecture of llama.cpp is called in Transformers.

    Attributes:
        block: Tensors of a layer, beyond those that all have.
        keys: Metadata beyond what all have.
        theta: Base of the rotary embedding where the file says nothing.
    """

    model_type: str
    class_name: str
    block: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    theta: float = 10_000.0


_FAMILIES: Mapping[str, _Family] = {
    "llama": _Family("llama", "LlamaForCausalLM"),
    "qwen2": _Family("qwen2", "Qwen2ForCausalLM", _BIASES),
    "qwen3": _Family("qwen3", "Qwen3ForCausalLM", _NORMS_OF_HEADS),
    "gemma3": _Family(
        "gemma3_text",
        "Gemma3ForCausalLM",
        (*_NORMS_OF_HEADS, "post_attention_norm.weight", "post_ffw_norm.weight"),
        frozenset(
            {
                "attention.sliding_window",
                "attention.sliding_window_pattern",
                "final_logit_softcapping",
                "rope.freq_base_swa",
                "rope.global.freq_base",
                "rope.local.freq_base",
            }
        ),
        _GEMMA3_THETA,
    ),
}


def gguf_config(header: GgufHeader, read_range: ReadRange, name: str) -> dict[str, object]:
    """Describe the network of a GGUF as `config.json` does.

    Args:
        name: Of the file, for messages.

    Raises:
        ValueError: naming what is not read, and what would work.
    """
    family = _family(header, name)
    _require_known_keys(header, family, name)
    size = GgufSizes(header, name)
    layers = size.of("block_count")
    if layers > len(header.tensors):
        raise ValueError(
            f"{name} says block_count {layers:,} and has {len(header.tensors):,} tensors; download "
            "or convert it again"
        )
    tensors = {tensor.name: tensor for tensor in header.tensors}
    biased = _require_tensors(tensors, family, layers, name)
    width = size.of("embedding_length")
    heads = size.of("attention.head_count")
    head_size = size.of("attention.key_length", width // heads)
    _require_whole_rotation(size, head_size, name)
    vocabulary = tensors["token_embd.weight"].shape[0]
    config: dict[str, object] = {
        "architectures": [family.class_name],
        "model_type": family.model_type,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": size.of("attention.head_count_kv", heads),
        "head_dim": head_size,
        "intermediate_size": size.of("feed_forward_length"),
        "max_position_embeddings": size.of("context_length"),
        "rms_norm_eps": rounded(size.number("attention.layer_norm_rms_epsilon")),
        "rope_theta": rounded(size.number("rope.freq_base", family.theta)),
        "vocab_size": vocabulary,
        "tie_word_embeddings": "output.weight" not in tensors,
        "dtype": _precision(header.tensors),
        **_tokens(header),
    }
    if family.model_type == "llama":
        config |= {"attention_bias": biased, "mlp_bias": "blk.0.ffn_gate.bias" in tensors}
    if family.model_type == "gemma3_text":
        config |= _of_gemma3(header, size, name)
    scaling = rope_scaling(header, size, tensors.get(ROPE_FACTORS), read_range, name)
    return config | ({"rope_scaling": scaling} if scaling else {})


def _family(header: GgufHeader, name: str) -> _Family:
    if header.architecture not in _FAMILIES:
        raise ValueError(
            f"{name} is a GGUF of architecture {header.architecture!r}; those of "
            f"{', '.join(_FAMILIES)} are read. Upload the model's folder of safetensors instead, "
            "or name it by `hub`"
        )
    if header.integer("split.count") not in (None, 0, 1):
        raise ValueError(
            f"{name} is one of several parts; join them with llama.cpp's `llama-gguf-split --merge`"
        )
    return _FAMILIES[header.architecture]


def _require_known_keys(header: GgufHeader, family: _Family, name: str) -> None:
    prefix = f"{header.architecture}."
    known = _COMMON_KEYS | family.keys
    told = {key.removeprefix(prefix): key for key in header.metadata if key.startswith(prefix)}
    unknown = sorted(
        key for short, key in told.items() if short not in known and header.metadata[key]
    )
    if unknown:
        raise ValueError(
            f"{name} says {', '.join(unknown)}, which is not understood; upload the model's folder "
            "of safetensors instead, or name it by `hub`"
        )


def _require_tensors(
    tensors: Mapping[str, GgufTensor], family: _Family, layers: int, name: str
) -> bool:
    """Refuse a file that lacks a tensor or has one too many; say whether attention has biases."""
    block = {*_BLOCK, *family.block}
    found_in_first = {key.removeprefix("blk.0.") for key in tensors if key.startswith("blk.0.")}
    biased = family.model_type == "llama" and "attn_q.bias" in found_in_first
    if biased:
        block |= {*_BIASES, "attn_output.bias"}
    if family.model_type == "llama" and "ffn_gate.bias" in found_in_first:
        block |= {"ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"}
    wanted = {"token_embd.weight", "output_norm.weight"}
    wanted |= {f"blk.{layer}.{part}" for layer in range(layers) for part in block}
    lacking = sorted(wanted - tensors.keys())
    extra = sorted(tensors.keys() - wanted - {"output.weight", ROPE_FACTORS})
    if lacking or extra:
        what = f"lacks {lacking[0]}" if lacking else f"has {extra[0]}, which is not understood"
        more = f" and {len(lacking) + len(extra) - 1} more" * (len(lacking) + len(extra) > 1)
        raise ValueError(
            f"{name} {what}{more}; take another file of the same model, or upload its folder of "
            "safetensors"
        )
    return biased


def _require_whole_rotation(size: GgufSizes, head_size: int, name: str) -> None:
    for key in ("attention.head_dim", "attention.value_length", "rope.dimension_count"):
        if size.of(key, head_size) != head_size:
            raise ValueError(
                f"{name} says {key} {size.of(key)} where heads have {head_size}; upload the "
                "model's folder of safetensors instead"
            )


def _of_gemma3(header: GgufHeader, size: GgufSizes, name: str) -> dict[str, object]:
    """What llama.cpp knows of Gemma 3, and what a file may say beside it.

    Ollama's own converter writes both bases and a list of windows under names that llama.cpp passes
    over, so these must be what it takes anyway.
    """
    for key, taken in (
        ("rope.global.freq_base", size.number("rope.freq_base", _GEMMA3_THETA)),
        ("rope.local.freq_base", size.number("rope.freq_base_swa", _GEMMA3_LOCAL_THETA)),
    ):
        if (told := size.number(key, taken)) != taken:
            raise ValueError(
                f"{name} says {key} {told:g} where llama.cpp takes {taken:g}; upload the model's "
                "folder of safetensors instead"
            )
    layers, heads = size.of("block_count"), size.of("attention.head_count")
    width = size.of("embedding_length")
    head_size = size.of("attention.key_length", width // heads)
    config: dict[str, object] = {
        "layer_types": _windows_of_gemma3(header, layers, name),
        "sliding_window": size.of("attention.sliding_window"),
        "rope_local_base_freq": rounded(size.number("rope.freq_base_swa", _GEMMA3_LOCAL_THETA)),
        "query_pre_attn_scalar": gemma3_query_scale(layers, width, heads, head_size),
        "hidden_activation": "gelu_pytorch_tanh",
    }
    capped = size.number("final_logit_softcapping", 0.0)
    return config | ({"final_logit_softcapping": rounded(capped)} if capped else {})


def _windows_of_gemma3(header: GgufHeader, layers: int, name: str) -> list[str]:
    """The kinds of layers, by a number that llama.cpp reads, or a list that must say the same."""
    key = f"{header.architecture}.attention.sliding_window_pattern"
    told = header.metadata.get(key) or _GEMMA3_PATTERN
    period = told if isinstance(told, int) and told is not True else _GEMMA3_PATTERN
    windowed = [(layer + 1) % period != 0 for layer in range(layers)]
    if isinstance(told, tuple) and [bool(one) for one in told] != windowed:
        raise ValueError(
            f"{name} says {key} for each layer, and not full attention in every {period}th as "
            "llama.cpp takes it; upload the model's folder of safetensors instead"
        )
    return [WINDOWED if one else FULL_ATTENTION for one in windowed]


def _precision(tensors: Sequence[GgufTensor]) -> str:
    """As most numbers are stored; in bfloat16 where they are quantised."""
    counted: dict[str, int] = {}
    for tensor in tensors:
        counted[tensor.stored] = counted.get(tensor.stored, 0) + tensor.numbers
    most = max(counted, key=counted.__getitem__)
    return {"F32": "float32", "F16": "float16"}.get(most, "bfloat16")


def _tokens(header: GgufHeader) -> dict[str, object]:
    names = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
    found = {key: header.integer(f"tokenizer.ggml.{gguf}_token_id") for key, gguf in names.items()}
    return {key: value for key, value in found.items() if value is not None}
