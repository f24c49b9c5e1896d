"""What llama.cpp computes of each family, and what it would compute otherwise than transformers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stratos.catalog.architecture import FULL_ATTENTION, WINDOWED, layer_kinds

Config = Mapping[str, Any]
Demand = Callable[[Config], str | None]
"""A config.json → what is wrong with it, if anything."""

_SCALED = frozenset({"default", "linear", "yarn"})
_STATEFUL = {"linear_attention", "mamba", "conv"}
_ATTENDS = {"attention", FULL_ATTENTION}
_LAYERS_OF_GEMMA3_27B = 62


@dataclass(frozen=True)
class ExportableFamily:
    """A `model_type` of what can be written for llama.cpp.

    Attributes:
        rope_types: What may scale its rotary embedding.
        activation: Of the feed-forward blocks; the only one there.
        demands: What else must be as llama.cpp computes it.
        turns_part: Its rotary embedding may turn a part of each head.
        lacks_window: It may attend to a window in transformers, but not there.
        window: Its width where config.json does not say.
    """

    rope_types: frozenset[str] = _SCALED
    activation: str = "silu"
    demands: tuple[Demand, ...] = ()
    turns_part: bool = False
    lacks_window: bool = False
    window: int | None = None


def value_of(config: Config, field: str, default: object) -> Any:
    """A field of config.json, or what transformers takes where it is missing."""
    return config.get(field, default)


def rope_of(config: Config) -> Config:
    """What scales the rotary embedding of layers that attend to everything."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return rope.get(FULL_ATTENTION) or rope


def gemma3_query_scale(layers: int | None, width: int, heads: int, head_size: int) -> int:
    """`query_pre_attn_scalar` of Gemma 3 as llama.cpp takes it: no file says it.

    Args:
        layers: By which it knows the model of 27B.
    """
    return width // heads if layers == _LAYERS_OF_GEMMA3_27B else head_size


def _needs(field: str, wanted: object, default: object) -> Demand:
    def demand(config: Config) -> str | None:
        found = value_of(config, field, default)
        return None if found == wanted else f"{field} {wanted}, not {found}"

    return demand


def _full_attention(config: Config) -> str | None:
    layers = len(config.get("layer_types") or ()) or int(config.get("num_hidden_layers") or 0)
    others = set(layer_kinds(config, layers)) - {FULL_ATTENTION}
    return f"full attention, not {', '.join(sorted(others))}" if others else None


def _full_after(kind: str, *, every: int | None = None) -> Demand:
    """Each layer with full attention comes after as many of another kind."""

    def demand(config: Config) -> str | None:
        kinds = config.get("layer_types")
        if not kinds or FULL_ATTENTION not in kinds:
            return None if not kinds else f"layers of full attention, not only {kind}"
        period = every or list(kinds).index(FULL_ATTENTION) + 1
        wanted = [FULL_ATTENTION if (at + 1) % period == 0 else kind for at in range(len(kinds))]
        if list(kinds) == wanted:
            return None
        return f"every {period}th layer with full attention and the others with {kind}"

    return demand


def _positions_but_every_fourth(config: Config) -> str | None:
    layers = int(config.get("num_hidden_layers") or 0)
    turned = config.get("no_rope_layers")
    if not turned:
        every = value_of(config, "no_rope_layer_interval", 4)
        turned = [int((at + 1) % every != 0) for at in range(layers)]
    if list(turned) == [int((at + 1) % 4 != 0) for at in range(layers)]:
        return None
    return "no rotary embedding in every 4th layer and one in the others"


def _gemma_scale(config: Config) -> str | None:
    scale = gemma3_query_scale(
        config.get("num_hidden_layers"),
        config.get("hidden_size", 0),
        config["num_attention_heads"],
        config["head_dim"],
    )
    return _needs("query_pre_attn_scalar", scale, 256)(config)


def _every_layer_of_experts(config: Config) -> str | None:
    if value_of(config, "decoder_sparse_step", 1) != 1 or config.get("mlp_only_layers"):
        return "experts in every layer"
    return None


def _one_size_of_heads(config: Config) -> str | None:
    keys = value_of(config, "linear_key_head_dim", 128)
    values = value_of(config, "linear_value_head_dim", 128)
    return None if keys == values else f"linear heads of one size, not {keys} and {values}"


def _layers_that_carry_a_state(config: Config) -> str | None:
    kinds = set(config.get("layer_types") or config.get("layers_block_type") or ())
    unknown = kinds - _STATEFUL - _ATTENDS
    if unknown:
        return f"attention and states, not {', '.join(sorted(unknown))}"
    return None


_NO_BIAS = _needs("attention_bias", False, default=False)
_PLAIN = ExportableFamily(demands=(_full_attention,))
_AS_LLAMA = _SCALED | {"llama3"}

EXPORTABLE: dict[str, ExportableFamily] = {
    "llama": ExportableFamily(_AS_LLAMA, demands=(_full_attention,)),
    "mistral": ExportableFamily(_AS_LLAMA, lacks_window=True, window=4096),
    "ministral": ExportableFamily(_AS_LLAMA, lacks_window=True, window=4096),
    "ministral3": ExportableFamily(lacks_window=True),
    "mixtral": ExportableFamily(_AS_LLAMA),
    "qwen2": _PLAIN,
    "qwen3": _PLAIN,
    "gemma3_text": ExportableFamily(
        frozenset({"default", "linear"}),
        "gelu_pytorch_tanh",
        (
            _full_after(WINDOWED),
            _gemma_scale,
            _needs("final_logit_softcapping", None, None),
            _needs("attn_logit_softcapping", None, None),
            _needs("use_bidirectional_attention", wanted=False, default=False),
            _NO_BIAS,
        ),
    ),
    "smollm3": ExportableFamily(demands=(_full_attention, _positions_but_every_fourth)),
    "phi3": ExportableFamily(
        frozenset({"default", "longrope"}), turns_part=True, lacks_window=True
    ),
    "granite": _PLAIN,
    "olmo2": ExportableFamily(demands=(_NO_BIAS,)),
    "olmo3": ExportableFamily(
        frozenset({"default", "yarn"}), demands=(_full_after(WINDOWED, every=4), _NO_BIAS)
    ),
    "qwen2_moe": ExportableFamily(
        demands=(
            _full_attention,
            _every_layer_of_experts,
            _needs("norm_topk_prob", wanted=False, default=False),
        )
    ),
    "qwen3_moe": ExportableFamily(
        demands=(
            _full_attention,
            _every_layer_of_experts,
            _needs("norm_topk_prob", wanted=True, default=False),
            _NO_BIAS,
        )
    ),
    "granitemoe": _PLAIN,
    "lfm2": ExportableFamily(
        demands=(_layers_that_carry_a_state, _needs("conv_bias", wanted=False, default=False))
    ),
    "granitemoehybrid": ExportableFamily(
        demands=(
            _layers_that_carry_a_state,
            _needs("mamba_proj_bias", wanted=False, default=False),
        )
    ),
    "qwen3_next": ExportableFamily(
        demands=(
            _full_after("linear_attention"),
            _every_layer_of_experts,
            _needs("norm_topk_prob", wanted=True, default=True),
            _one_size_of_heads,
            _NO_BIAS,
        ),
        turns_part=True,
    ),
}
"""`model_type` → what llama.cpp computes of it. `serving.export.families` writes them."""


def rope_obstacle(config: Config, model_type: str) -> str | None:
    """What llama.cpp would turn otherwise."""
    family, rope = EXPORTABLE[model_type], rope_of(config)
    scaled_by = _scaled_by(rope)
    if scaled_by not in family.rope_types:
        return (
            f"llama.cpp has no rope scaling {scaled_by!r} for {model_type}, only "
            f"{', '.join(sorted(family.rope_types))}; choose another student"
        )
    part = rope.get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1.0
    if part != 1.0 and not family.turns_part:
        return f"llama.cpp turns whole heads for {model_type}, not {part:g} of each"
    factor = rope.get("attention_factor")
    own = 0.1 * math.log(max(float(rope.get("factor") or 1.0), 1.0)) + 1.0
    if factor is None or scaled_by == "longrope":
        return None
    if scaled_by == "yarn" and math.isclose(float(factor), own, rel_tol=1e-6):
        return None
    return "llama.cpp finds rope's attention_factor itself; leave it out"


def same_until(config: Config) -> int | None:
    """The longest text of which llama.cpp computes what transformers does; it takes no longer one.

    For most that is what the model was made for. llama.cpp has no sliding window for some that
    have one, which matters beyond it, and it takes the divisors for long texts by the length of
    its cache and not of the text.

    Args:
        config: Of a family that can be written. Where it names no length, None.
    """
    family = EXPORTABLE[str(config.get("model_type"))]
    limits = [config.get("max_position_embeddings")]
    if family.lacks_window and WINDOWED in (config.get("layer_types") or (WINDOWED,)):
        limits.append(value_of(config, "sliding_window", family.window))
    if _scaled_by(rope_of(config)) == "longrope":
        limits.append(trained_length(config))
    return min((int(limit) for limit in limits if limit), default=None)


def trained_length(config: Config) -> int | None:
    """The longest text before its rotary embedding was scaled."""
    name = "original_max_position_embeddings"
    found = rope_of(config).get(name) or config.get(name) or config.get("max_position_embeddings")
    return int(found) if found else None


def _scaled_by(rope: Config) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")
