"""Batched decoding for weights on this machine: a row costs nothing once it has ended.

Plain `generate` pads to the longest prompt, keeps finished rows in the batch, and copies the whole
key-value cache at every step. Here prompts are sorted by length, finished rows are dropped from the
batch, and keys and values are written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

_GROWTH = 64
"""Cache slots added at a time."""
_WINDOW = 8
"""Batches whose prompts are sorted together."""
_SHRINK_SHARE = 0.9
"""Rows that have ended are dropped once at most this share of the batch goes on."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        max_new_tokens: Upper bound on each completion, end token included.
        eos: Token ids that end a completion.
        temperature: 0 takes the most probable token.
        seed: Decides the sampled tokens, together with each prompt's stream.
    """

    max_new_tokens: int
    eos: frozenset[int]
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Generated:
    """One completion.

    Attributes:
        tokens: Without the end token.
        end: The end token; None where `max_new_tokens` came first.
    """

    tokens: list[int]
    end: int | None

    @property
    def finished(self) -> bool:
        return self.end is not None

    @property
    def written(self) -> list[int]:
        """The tokens and the end token: to end is the model's decision too."""
        return self.tokens if self.end is None else [*self.tokens, self.end]


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


def generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    batch_size: int,
    streams: Sequence[int] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Generated]]:
    """Complete every prompt and yield each with its index as its batch ends.

    Prompts are taken in order, a window of a few batches at a time, and sorted by length inside it.

    Args:
        prompts: Token ids; none may be empty.
        streams: The random stream of each prompt, so that a sampled completion does not depend on
            the batch it fell into; the index if omitted.
        stop: Asked before each batch; once true, the remaining prompts stay unanswered.
    """
    streams = range(len(prompts)) if streams is None else streams
    for window in range(0, len(prompts), batch_size * _WINDOW):
        span = range(window, min(window + batch_size * _WINDOW, len(prompts)))
        order = sorted(span, key=lambda index: -len(prompts[index]))
        for start in range(0, len(order), batch_size):
            if stop():
                return
            indices = order[start : start + batch_size]
            batch = [prompts[index] for index in indices]
            drawn = [streams[index] for index in indices]
            yield from zip(indices, generate_batch(model, batch, sampling, drawn), strict=True)


@torch.inference_mode()
def generate_batch(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    streams: Sequence[int] | None = None,
) -> list[Generated]:
    """Complete one batch of prompts together; arguments as in `generate`."""
    with _evaluating(model):
        return _Batch(model, prompts, sampling, streams).complete()


@contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Put a model in evaluation mode: in training, activation checkpointing allows no cache."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


class _Batch:
    """Prompts that are completed together; rows that have ended leave the batch."""

    def __init__(
        self,
        model: PreTrainedModel,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        streams: Sequence[int] | None,
    ) -> None:
        self._model, self._sampling = model, sampling
        self._width = width = max(map(len, prompts))
        tokens = torch.zeros((len(prompts), width), dtype=torch.long)
        visible = torch.zeros((len(prompts), width + sampling.max_new_tokens), dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            tokens[row, width - len(prompt) :] = torch.tensor(prompt)
            visible[row, width - len(prompt) :] = True
        self._tokens, self._visible = tokens.to(model.device), visible.to(model.device)
        self._positions = (self._visible[:, :width].cumsum(1) - 1).clamp_(min=0)
        self._attends_fully = _attends_fully(model)
        self._cache: Cache = (
            Cache(layers=[_BufferedLayer() for _ in range(model.config.num_hidden_layers)])
            if self._attends_fully
            else DynamicCache(config=model.config)
        )
        # Layers of transformers that keep a state cannot give up rows.
        self._can_shrink = all(
            hasattr(layer, "batch_select_indices") for layer in self._cache.layers
        )
        self._eos = torch.tensor(sorted(sampling.eos), device=model.device)
        streams = range(len(prompts)) if streams is None else streams
        self._draws = _Draws(sampling, streams, model.device)
        self._rows = list(range(len(prompts)))
        self._alive = torch.ones(len(prompts), dtype=torch.bool, device=model.device)
        self._chosen: list[Tensor] = []
        self._written: list[list[int]] = [[] for _ in prompts]
        self._ends: list[int | None] = [None] * len(prompts)

    def complete(self) -> list[Generated]:
        """Decode until every row has ended or has all the tokens it may have."""
        for step in range(self._sampling.max_new_tokens):
            chosen = self._draws.choose(self._logits(step), step)
            self._chosen.append(chosen)
            self._alive = self._alive & ~torch.isin(chosen, self._eos)
            num_alive = int(self._alive.sum())
            if num_alive == 0:
                break
            if self._can_shrink and num_alive <= _SHRINK_SHARE * len(self._rows):
                chosen = chosen[self._alive]
                self._drop_ended_rows()
            self._tokens, self._positions = chosen[:, None], self._positions[:, -1:] + 1
        self._read_chosen()
        return [Generated(*pair) for pair in zip(self._written, self._ends, strict=True)]

    def _logits(self, step: int) -> Tensor:
        """Run the model on the tokens chosen last; at first on the prompts."""
        seen = self._width + step
        mask: Tensor | None = self._visible[:, :seen]
        if self._attends_fully:
            mask = (
                _prefill_mask(self._visible[:, :seen])
                if step == 0
                else self._visible[:, None, None, :seen]
            )
        output = self._model(
            input_ids=self._tokens,
            attention_mask=mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

    def _drop_ended_rows(self) -> None:
        self._read_chosen()
        kept = self._alive.nonzero().squeeze(1)
        self._rows = [self._rows[position] for position in kept.tolist()]
        self._alive, self._visible = self._alive[kept], self._visible[kept]
        self._positions = self._positions[kept]
        self._draws.keep(kept)
        self._cache.batch_select_indices(kept)

    def _read_chosen(self) -> None:
        """Append what was chosen since the last look to the completions, up to their ends."""
        if not self._chosen:
            return
        block = torch.stack(self._chosen, 1).tolist()
        self._chosen.clear()
        for row, chosen in zip(self._rows, block, strict=True):
            if self._ends[row] is not None:
                continue
            for token in chosen:
                if token in self._sampling.eos:
                    self._ends[row] = token
                    break
                self._written[row].append(token)


class _Draws:
    """Chooses tokens; each row has a random stream of its own."""

    def __init__(self, sampling: Sampling, streams: Sequence[int], device: torch.device) -> None:
        self._temperature = sampling.temperature
        self._device = device
        if self._temperature > 0:
            uniforms = torch.empty((len(streams), sampling.max_new_tokens), dtype=torch.float64)
            generator = torch.Generator()
            for row, stream in enumerate(streams):
                generator.manual_seed((sampling.seed << 32) ^ stream)
                uniforms[row].uniform_(generator=generator)
            self._uniforms = uniforms.to(device)

    def keep(self, kept: Tensor) -> None:
        if self._temperature > 0:
            self._uniforms = self._uniforms[kept]

    def choose(self, logits: Tensor, step: int) -> Tensor:
        if self._temperature == 0:
            return logits.argmax(-1)
        # Inverse transform sampling: one uniform number a token, whatever the batch.
        cumulative = torch.softmax(logits.double() / self._temperature, -1).cumsum(-1)
        threshold = self._uniforms[:, step : step + 1] * cumulative[:, -1:]
        return (
            torch.searchsorted(cumulative, threshold, right=True)
            .squeeze(1)
            .clamp_(max=logits.shape[-1] - 1)
        )


def _attends_fully(model: PreTrainedModel) -> bool:
    """Whether every layer attends to all positions, so that one mask serves them all."""
    kinds = getattr(model.config, "layer_types", None) or ["full_attention"]
    sliding = getattr(model.config, "sliding_window", None) if len(kinds) == 1 else None
    return set(kinds) == {"full_attention"} and sliding is None


def _prefill_mask(visible: Tensor) -> Tensor | None:
    """The causal mask of left-padded prompts, [batch, 1, width, width]; None without padding."""
    if bool(visible.all()):
        return None
    width = visible.shape[1]
    causal = torch.ones((width, width), dtype=torch.bool, device=visible.device).tril()
    # A padding position sees itself: a row of softmax over nothing is not a number.
    itself = torch.eye(width, dtype=torch.bool, device=visible.device)
    return ((causal & visible[:, None, :]) | itself)[:, None]
