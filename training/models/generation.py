"""Batched decoding for weights on this machine: a row costs nothing once it has ended.

Plain `generate` pads to the longest prompt, keeps finished rows in the batch, and copies the whole
key-value cache at every step. Here prompts are sorted by length, finished rows are dropped from the
batch, and keys and values are written in place where the model allows it; see `passes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.models.decoder import evaluating
from training.models.passes import Steps, way_of

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


def generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    batch_size: int,
    streams: Sequence[int] | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[int, Generated]]:
    """Complete every prompt and yield each with its index as its batch ends.

    Prompts are taken in order, a window of a few batches at a time, and sorted by length inside it.

    Args:
        prompts: Token ids; none may be empty.
        streams: The random stream of each prompt, so that a sampled completion does not depend on
            the batch it fell into; the index if omitted.
        stop: Asked before each batch; once true, the remaining prompts stay unanswered.
        on_step: Called with the tokens that each step of a batch wrote.
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
            written = generate_batch(model, batch, sampling, drawn, on_step)
            yield from zip(indices, written, strict=True)


@torch.inference_mode()
def generate_batch(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    streams: Sequence[int] | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> list[Generated]:
    """Complete one batch of prompts together; arguments as in `generate`."""
    streams = range(len(prompts)) if streams is None else streams
    done: dict[int, Generated] = {}
    # In training, activation checkpointing allows no cache.
    with evaluating(model):
        way = way_of(model)
        for rows in _together(prompts, pads=way.pads):
            steps = Steps(model, [prompts[row] for row in rows], sampling.max_new_tokens, way)
            batch = _Batch(steps, sampling, [streams[row] for row in rows])
            done.update(zip(rows, batch.complete(on_step), strict=True))
    return [done[row] for row in range(len(prompts))]


def _together(prompts: Sequence[Sequence[int]], *, pads: bool) -> list[list[int]]:
    """The rows that one pass can take: all, or those of one length."""
    if pads:
        return [list(range(len(prompts)))]
    lengths: dict[int, list[int]] = {}
    for row, prompt in enumerate(prompts):
        lengths.setdefault(len(prompt), []).append(row)
    return list(lengths.values())


class _Batch:
    """Prompts that are completed together; rows that have ended leave the batch."""

    def __init__(
        self,
        steps: Steps,
        sampling: Sampling,
        streams: Sequence[int],
    ) -> None:
        self._steps, self._sampling = steps, sampling
        count = len(streams)
        self._eos = torch.tensor(sorted(sampling.eos), device=steps.device)
        self._draws = _Draws(sampling, streams, steps.device)
        self._rows = list(range(count))
        self._alive = torch.ones(count, dtype=torch.bool, device=steps.device)
        self._chosen: list[Tensor] = []
        self._written: list[list[int]] = [[] for _ in range(count)]
        self._ends: list[int | None] = [None] * count

    def complete(self, on_step: Callable[[int], None]) -> list[Generated]:
        """Decode until every row has ended or has all the tokens it may have."""
        for step in range(self._sampling.max_new_tokens):
            chosen = self._draws.choose(self._steps.logits(), step)
            self._chosen.append(chosen)
            on_step(len(chosen))
            self._alive = self._alive & ~torch.isin(chosen, self._eos)
            num_alive = int(self._alive.sum())
            if num_alive == 0:
                break
            if num_alive <= _SHRINK_SHARE * len(self._rows) and self._steps.can_shrink:
                chosen = chosen[self._alive]
                self._drop_ended_rows()
            self._steps.append(chosen)
        self._read_chosen()
        return [Generated(*pair) for pair in zip(self._written, self._ends, strict=True)]

    def _drop_ended_rows(self) -> None:
        self._read_chosen()
        kept = self._alive.nonzero().squeeze(1)
        self._rows = [self._rows[position] for position in kept.tolist()]
        self._alive = self._alive[kept]
        self._draws.keep(kept)
        self._steps.keep(kept)

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
