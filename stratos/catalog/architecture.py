"""The sizes of a decoder, by its config.json and the tensors that it is stored as.

No table of families: what a tensor is follows from its name and shape, and config.json says the
rest. A model of parts (text, images, sound) is described by its text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from stratos.catalog.config_defaults import with_defaults
from stratos.catalog.layers import (
    cut_config,
    kept_layers,
    layer_of,
    moved,
    require_fewer_layers,
)
from stratos.catalog.safetensors import StoredTensor

Config = Mapping[str, object]

_ATTENTION = re.compile(r"\.(?:self_attn|self_attention|attention|attn)\.")
_EXPERTS = re.compile(r"\.experts\.")
_HEAD = re.compile(r"(?:^|\.)(?:lm_head|embed_out|output)\.weight$")
_OTHER_PART = re.compile(r"(?:^|\.)(?:vision|visual|audio|image|multi_modal|mm_|aligner)")
_BUFFER = re.compile(r"rotary_emb\.inv_freq$|\.masked_bias$|\.attention\.bias$")
_EXPERT_COUNTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_EXPERTS_OF_TOKEN = ("num_experts_per_tok", "experts_per_token", "moe_topk", "moe_k")
_SIZES_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers"),
    "hidden_size": ("n_embd", "d_model"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads", "attention_heads"),
}
"""Names that a size has in older families."""
_WITHOUT_HEADS = frozenset({"rwkv"})
_WITHOUT_WINDOW = frozenset({"granite", "granitemoe", "llama"})
"""Families that pass over a window in config.json."""
_REPEATS_LAYERS = frozenset({"hrm_text"})
"""Families that run each stored layer several times, and count the runs."""
_EMBEDDINGS = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|\w*word_embeddings|embed_in|embeddings)\.weight$"
)
_MOST_LAYERS = 10_000
WINDOWED = "sliding_attention"
FULL_ATTENTION = "full_attention"


@dataclass(frozen=True)
class Architecture:
    """A decoder as it is stored.

    Attributes:
        config: What config.json says of its text.
        tensors: Of its text, a tied head left out.
    """

    name: str
    config: Config
    tensors: tuple[StoredTensor, ...]
    layers: int

    @cached_property
    def num_parameters(self) -> int:
        return sum(map(parameters_of, self.tensors))

    @cached_property
    def num_active_parameters(self) -> int:
        """Those that one token passes through: of the experts, as many as it is sent to."""
        return round(sum(parameters_of(one) * self._active_share(one) for one in self.tensors))

    @cached_property
    def num_bytes(self) -> int:
        return sum(tensor.num_bytes for tensor in self.tensors)

    @cached_property
    def dtype(self) -> str:
        """What most of its numbers are stored as, in the words of safetensors."""
        numbers: Counter[str] = Counter()
        for tensor in self.tensors:
            numbers[tensor.dtype] += tensor.num_elements
        return numbers.most_common(1)[0][0]

    @cached_property
    def attention_layers(self) -> tuple[int, ...]:
        """The layers that keep keys and values; the others keep a state of fixed size."""
        found = {
            layer
            for tensor in self.tensors
            if _ATTENTION.search(tensor.name) and (layer := layer_of(tensor.name)) is not None
        }
        return tuple(sorted(found)) or tuple(range(self.layers))

    @cached_property
    def window_layers(self) -> tuple[int, ...]:
        """Of the attention layers, those that see no further back than `window_tokens`."""
        if positive(self.config.get("sliding_window")) is None:
            return ()
        kinds = layer_kinds(self.config, self.layers)
        return tuple(layer for layer in self.attention_layers if kinds[layer] == WINDOWED)

    @property
    def window_tokens(self) -> int | None:
        return positive(self.config.get("sliding_window")) if self.window_layers else None

    @cached_property
    def has_attention(self) -> bool:
        """Whether it is known to attend; a model of states alone has no heads."""
        attends = any(_ATTENTION.search(tensor.name) for tensor in self.tensors)
        return attends and self.config.get("model_type") not in _WITHOUT_HEADS

    @cached_property
    def rows_of_embeddings(self) -> int | None:
        """As many as there are tokens, and often a few more."""
        found = (t.shape[0] for t in self.tensors if _EMBEDDINGS.search(t.name) and t.shape)
        return max(found, default=None)

    @property
    def num_experts(self) -> int:
        return _num_experts(self.config)

    @property
    def experts_per_token(self) -> int:
        """Of all experts, those that one token is sent to; 0 where there are none."""
        return experts_per_token(self.config)

    def size(self, field: str, default: int | None = None) -> int:
        """A size that config.json must hold.

        Raises:
            ValueError: naming it, where it does not.
        """
        names = (field, *_SIZES_ELSEWHERE.get(field, ()))
        told = (value for name in names if (value := self.config.get(name)) is not None)
        value = next(told, default)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise ValueError(
                f"{self.name}: config.json needs a positive integer {field}, has {value!r}"
            )
        return value

    def cut(self, layers: int) -> Architecture:
        """The model with only so many layers, evenly spaced.

        Raises:
            ValueError: when it has no more than that, or its layers differ in ways unknown here.
        """
        require_fewer_layers(self.name, self.layers, layers)
        kept = kept_layers(self.layers, layers)
        place = {layer: number for number, layer in enumerate(kept)}
        config = cut_config(self.name, self.config, self.layers, kept)
        config["layer_types"] = [layer_kinds(self.config, self.layers)[layer] for layer in place]
        return replace(
            self,
            config=config,
            tensors=tuple(_kept_tensors(self.tensors, place)),
            layers=layers,
        )

    def _active_share(self, tensor: StoredTensor) -> float:
        experts = self.num_experts
        if not experts:
            return 1.0
        stacked = len(tensor.shape) == 3 and tensor.shape[0] == experts
        if not stacked and not _EXPERTS.search(tensor.name):
            return 1.0
        return self.experts_per_token / experts


def architecture(name: str, config: Config, tensors: Sequence[StoredTensor]) -> Architecture:
    """Describe a model by its config.json and its tensors.

    Raises:
        ValueError: when config.json does not say how many layers there are, or the files hold
            another number.
    """
    text = text_config(config)
    kept = tuple(_text_tensors(config, text, tensors))
    found = Architecture(name, text, kept, 0)
    kinds = text.get("layers_block_type")
    layers = found.size("num_hidden_layers", len(kinds) if isinstance(kinds, list) else None)
    stored = {layer for tensor in kept if (layer := layer_of(tensor.name)) is not None}
    repeats = text.get("model_type") in _REPEATS_LAYERS
    if layers > _MOST_LAYERS:
        raise ValueError(
            f"{name}: config.json says {layers:,} layers, and no model has more than "
            f"{_MOST_LAYERS:,}; save the model again"
        )
    if stored and stored != set(range(layers)) and not repeats:
        raise ValueError(
            f"{name}: config.json says {layers} layers, the files hold {len(stored)}; "
            "save the model again"
        )
    return replace(found, layers=layers)


def text_config(config: Config) -> Config:
    """What config.json says of the text, or leaves to its class, where it has several parts."""
    nested = config.get("text_config")
    if not isinstance(nested, Mapping):
        return with_defaults(config)
    shared = {key: config[key] for key in ("tie_word_embeddings", "dtype") if key in config}
    return with_defaults({**shared, **nested})


def layer_kinds(config: Config, layers: int) -> list[str]:
    """What each layer is, in transformers' words; files of before leave it to be worked out."""
    named = config.get("layer_types")
    if isinstance(named, Sequence) and len(named) >= layers:
        return [str(kind) for kind in named[:layers]]
    pattern = positive(config.get("sliding_window_pattern")) or positive(
        config.get("_sliding_window_pattern")
    )
    switched_on = config.get("use_sliding_window", True)
    without = not switched_on or config.get("model_type") in _WITHOUT_WINDOW
    if without or config.get("sliding_window") is None:
        return [FULL_ATTENTION] * layers
    if pattern is not None:
        return [WINDOWED if (i + 1) % pattern else FULL_ATTENTION for i in range(layers)]
    first = config.get("max_window_layers")
    first = first if isinstance(first, int) and "use_sliding_window" in config else 0
    return [FULL_ATTENTION if layer < first else WINDOWED for layer in range(layers)]


def experts_per_token(config: Config) -> int:
    """Of all experts, those that one token is sent to; 0 where there are none."""
    experts = _num_experts(config)
    chosen = (positive(config.get(key)) for key in _EXPERTS_OF_TOKEN)
    return min(experts, next(filter(None, chosen), experts))


def _num_experts(config: Config) -> int:
    return next(filter(None, (positive(config.get(key)) for key in _EXPERT_COUNTS)), 0)


def parameters_of(tensor: StoredTensor) -> int:
    """How many weights a tensor stands for; MXFP4 packs two into a byte, with scales beside."""
    if tensor.dtype == "U8" and tensor.name.endswith("_blocks"):
        return 2 * tensor.num_elements
    if tensor.name.endswith(("_scales", "weight_scale", "weight_scale_inv")):
        return 0
    return tensor.num_elements


def is_head(name: str) -> bool:
    """Whether a tensor projects onto the vocabulary; models without one use their embeddings."""
    return _HEAD.search(name) is not None


def is_of_text(name: str) -> bool:
    """Whether a tensor of a model of several parts belongs to its text."""
    return not _OTHER_PART.search(name)


def positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _text_tensors(
    config: Config, text: Config, tensors: Sequence[StoredTensor]
) -> Iterator[StoredTensor]:
    tied = bool(text.get("tie_word_embeddings"))
    for tensor in tensors:
        if "text_config" in config and not is_of_text(tensor.name):
            continue
        if not _BUFFER.search(tensor.name) and not (tied and is_head(tensor.name)):
            yield tensor


def _kept_tensors(
    tensors: Sequence[StoredTensor], place: Mapping[int, int]
) -> Iterator[StoredTensor]:
    for tensor in tensors:
        name = moved(tensor.name, place)
        if name is not None:
            yield replace(tensor, name=name)
