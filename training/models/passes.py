"""The forward passes of decoding: a model is run in the fastest way that it computes right in.

Most models take a mask of [batch, 1, width, seen] and keys and values written in place. Others
build their masks or caches themselves, and some know no padding at all. What a model takes is
tried once, on a few tokens, against plain passes over each row alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from training.models.decoder import probe_tokens, tolerance

_GROWTH = 64
"""Cache slots added at a time."""
_HALF_TOLERANCE = 0.25
"""In 16 bits a mixture may route a token otherwise in a batch than alone."""


@dataclass(frozen=True)
class Way:
    """How a model is run.

    Attributes:
        mask: `square` is [batch, 1, width, seen], `row` is [batch, seen]; without one, all rows
            have the same length.
        cache: `buffers` are ours, `dynamic` is of transformers, `own` is what the model returns;
            without one, the whole text is read again at every step.
    """

    mask: Literal["square", "row"] | None
    cache: Literal["buffers", "dynamic", "own"] | None

    @property
    def pads(self) -> bool:
        """Whether prompts of different lengths can be read together."""
        return self.mask is not None


_IN_PLACE = Way("square", "buffers")
_PADDED = Way("row", "dynamic")
_EQUAL = Way(None, "own")
_AGAIN = Way(None, None)
_found: WeakKeyDictionary[PreTrainedModel, Way] = WeakKeyDictionary()


class Steps:
    """Prompts and what was appended to them, one pass of the model after the other."""

    def __init__(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], more: int, way: Way
    ) -> None:
        """Lay out prompts, none of them empty, and room for so many tokens `more`."""
        self._model, self._way = model, way
        self._seen = width = max(map(len, prompts))
        tokens = torch.zeros((len(prompts), width), dtype=torch.long)
        visible = torch.zeros((len(prompts), width + more), dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            tokens[row, width - len(prompt) :] = torch.tensor(prompt)
            visible[row, width - len(prompt) :] = True
        self._tokens, self._visible = tokens.to(model.device), visible.to(model.device)
        self._positions = (self._visible[:, :width].cumsum(1) - 1).clamp_(min=0)
        self._cache = _new_cache(model, way)

    @property
    def device(self) -> torch.device:
        return torch.device(self._model.device)

    @property
    def can_shrink(self) -> bool:
        """Layers of transformers that keep a state cannot give up its rows."""
        if self._cache is None:
            return self._way.cache is None
        return all(
            hasattr(layer, "batch_select_indices") and not hasattr(layer, "conv_states")
            for layer in getattr(self._cache, "layers", [None])
        )

    def logits(self) -> Tensor:
        """Run the model on the tokens appended last, at first on the prompts: [rows, words]."""
        output = self._model(input_ids=self._tokens, **self._arguments())
        if self._way.cache == "own":
            self._cache = output.past_key_values
        logits: Tensor = output.logits[:, -1]
        return logits

    def append(self, chosen: Tensor) -> None:
        """Take the next token of each row."""
        self._seen += 1
        if self._way.cache is None:
            self._tokens = torch.cat([self._tokens, chosen[:, None]], 1)
        else:
            self._tokens = chosen[:, None]
        self._positions = self._positions[:, -1:] + 1

    def keep(self, kept: Tensor) -> None:
        """Go on with these rows alone."""
        self._tokens, self._visible = self._tokens[kept], self._visible[kept]
        self._positions = self._positions[kept]
        if self._cache is not None:
            self._cache.batch_select_indices(kept)

    def _arguments(self) -> dict[str, Any]:
        if not self._way.pads:
            arguments = {"use_cache": self._way.cache is not None, "logits_to_keep": 1}
            if self._cache is not None:
                arguments["past_key_values"] = self._cache
            return _known(self._model, arguments)
        visible = self._visible[:, : self._seen]
        mask: Tensor | None = visible
        if self._way.mask == "square":
            first = self._tokens.shape[1] == self._seen
            mask = _prefill_mask(visible) if first else visible[:, None, None]
        return {
            "attention_mask": mask,
            "position_ids": self._positions,
            "past_key_values": self._cache,
            "use_cache": True,
            "logits_to_keep": 1,
        }


def way_of(model: PreTrainedModel) -> Way:
    """The fastest way that this model, in evaluation mode, computes right in; found once."""
    if model not in _found:
        ways = [_IN_PLACE] if _attends_fully(model) else []
        ways += [_EQUAL] if _compresses(model) else [_PADDED, _EQUAL]
        _found[model] = next((way for way in ways if _computes_right(model, way)), _AGAIN)
    return _found[model]


@torch.inference_mode()
def _computes_right(model: PreTrainedModel, way: Way) -> bool:
    """Hold two steps of two prompts against passes over each row alone."""
    tokens = probe_tokens(model)[0].tolist()
    texts = [tokens[:6], tokens[6:9]]
    groups = [texts] if way.pads else [[text] for text in texts]
    # What the caller computes in has too few digits to tell.
    with torch.autocast(model.device.type, enabled=False):
        expected = [_alone(model, text) for text in texts]
        try:
            found = [pair for group in groups for pair in _stepwise(model, group, way)]
        except torch.OutOfMemoryError:
            raise
        except Exception:  # each model refuses in its own way
            return False
    allowed = tolerance(model) if model.dtype == torch.float32 else _HALF_TOLERANCE
    return all(
        bool((one - other).norm() <= allowed * other.norm())
        for one, other in zip(found, expected, strict=True)
    )


def _alone(model: PreTrainedModel, text: list[int]) -> Tensor:
    """Logits after the last two tokens, without a mask and without a cache."""
    tokens = torch.tensor([text], device=model.device)
    output = model(input_ids=tokens, **_known(model, {"use_cache": False}))
    logits: Tensor = output.logits[0, -2:].float()
    return logits


def _stepwise(model: PreTrainedModel, texts: list[list[int]], way: Way) -> list[Tensor]:
    steps = Steps(model, [text[:-1] for text in texts], 1, way)
    first = steps.logits()
    steps.append(torch.tensor([text[-1] for text in texts], device=model.device))
    return list(torch.stack([first, steps.logits()], 1).float())


def _known(model: PreTrainedModel, arguments: dict[str, Any]) -> dict[str, Any]:
    """Those that the model names: some pass on what they do not know until something fails."""
    names = signature(model.forward).parameters
    return {name: value for name, value in arguments.items() if name in names}


def _new_cache(model: PreTrainedModel, way: Way) -> Cache | None:
    if way.cache == "buffers":
        return Cache(layers=[_BufferedLayer() for _ in range(model.config.num_hidden_layers)])
    return DynamicCache(config=model.config) if way.cache == "dynamic" else None


def _attends_fully(model: PreTrainedModel) -> bool:
    """Whether every layer attends to all positions, so that one mask serves them all."""
    kinds = getattr(model.config, "layer_types", None) or ["full_attention"]
    sliding = getattr(model.config, "sliding_window", None) if len(kinds) == 1 else None
    return set(kinds) == {"full_attention"} and sliding is None


def _compresses(model: PreTrainedModel) -> bool:
    """Whether it sums up blocks of keys: it counts them from the padding on."""
    kinds = getattr(model.config, "layer_types", None) or []
    return any("compress" in word for word in [*kinds, *model.config.to_dict()])


def _prefill_mask(visible: Tensor) -> Tensor | None:
    """The causal mask of left-padded prompts, [batch, 1, width, width]; None without padding."""
    if bool(visible.all()):
        return None
    width = visible.shape[1]
    causal = torch.ones((width, width), dtype=torch.bool, device=visible.device).tril()
    # A padding position sees itself: a row of softmax over nothing is not a number.
    itself = torch.eye(width, dtype=torch.bool, device=visible.device)
    return ((causal & visible[:, None, :]) | itself)[:, None]


class _BufferedLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer, written in place into a buffer that grows in chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: Tensor
        self.values: Tensor
        self._length = 0

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        end = self._length + key_states.shape[-2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._keys = self._grown(key_states[..., :0, :], end)
            self._values = self._grown(value_states[..., :0, :], end)
        elif end > self._keys.shape[-2]:
            self._keys = self._grown(self.keys, end)
            self._values = self._grown(self.values, end)
        self._keys[..., self._length : end, :] = key_states
        self._values[..., self._length : end, :] = value_states
        self._length = end
        self.keys, self.values = self._keys[..., :end, :], self._values[..., :end, :]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        self._keys, self._values = self._keys[indices], self._values[indices]
        self.keys = self._keys[..., : self._length, :]
        self.values = self._values[..., : self._length, :]

    @staticmethod
    def _grown(states: Tensor, length: int) -> Tensor:
        capacity = -(-length // _GROWTH) * _GROWTH + _GROWTH
        buffer = states.new_zeros((*states.shape[:-2], capacity, states.shape[-1]))
        buffer[..., : states.shape[-2], :] = states
        return buffer
