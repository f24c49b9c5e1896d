"""Continuous batching: one thread decodes every sequence in flight, one token each a step.

A new request is prefilled as soon as a slot is free and joins the batch at the next step; a
finished one leaves at once. Callers hand in a `Generation` and are called back on that thread.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from transformers import DynamicCache, PreTrainedModel

from serving.sampling import Sampler, Sampling
from serving.slots import SlotCache

logger = logging.getLogger(__name__)

FinishReason = Literal["stop", "length", "timeout", "cancelled", "error"]


class QueueFull(Exception):
    """As many requests are waiting as the engine accepts."""


@dataclass(frozen=True)
class Token:
    """One generated token."""

    id: int
    logprob: float
    top_logprobs: tuple[tuple[int, float], ...] = ()


@dataclass
class Generation:
    """One request to the engine.

    `on_token` sees each token as it is drawn and returns True to end the completion (a stop
    sequence was reached); `on_finish` is called exactly once. Both run on the engine's thread.
    """

    prompt: Sequence[int]
    max_new_tokens: int
    sampling: Sampling
    on_token: Callable[[Token], bool]
    on_finish: Callable[[FinishReason], None]
    num_top_logprobs: int | None = None
    """None: logprobs are not computed."""
    deadline: float = float("inf")
    """`time.monotonic()` after which it is cut short."""
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Sequence:
    generation: Generation
    sampler: Sampler
    next_token: int
    num_new_tokens: int = 0


@dataclass(frozen=True)
class EngineLoad:
    """How busy the engine is now."""

    active: int
    waiting: int
    generated_tokens: int
    """Since the start."""


class Engine:
    """Decodes for many callers at once.

    Args:
        model: a causal language model whose layers use full attention.
        max_tokens: longest prompt plus completion.
        num_slots: sequences decoded at once.
        max_waiting: requests that may queue; one more raises `QueueFull`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        eos_token_ids: frozenset[int],
        max_tokens: int,
        num_slots: int = 32,
        max_waiting: int = 128,
    ) -> None:
        self.model = model.eval()
        self.max_tokens = max_tokens
        self._eos = eos_token_ids
        self._slots = SlotCache(model.config, num_slots, max_tokens, model.device)
        self._sequences: list[_Sequence] = []
        self._waiting: queue.Queue[Generation] = queue.Queue(max_waiting)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._generated_tokens = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, generation: Generation) -> None:
        """Queue a request.

        Raises:
            ValueError: when prompt and completion together exceed `max_tokens`.
            QueueFull: when too many wait already, or the engine is draining.
        """
        if not generation.prompt:
            raise ValueError("the prompt is empty")
        if len(generation.prompt) + generation.max_new_tokens > self.max_tokens:
            raise ValueError(
                f"{len(generation.prompt)} prompt tokens and {generation.max_new_tokens} new ones "
                f"exceed the context of {self.max_tokens}; shorten the prompt or lower max_tokens"
            )
        if self._closing.is_set():
            raise QueueFull("the server is shutting down")
        try:
            self._waiting.put_nowait(generation)
        except queue.Full:
            raise QueueFull(f"{self._waiting.maxsize} requests are waiting already") from None
        self._wake.set()

    @property
    def load(self) -> EngineLoad:
        return EngineLoad(len(self._sequences), self._waiting.qsize(), self._generated_tokens)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def drain(self, timeout_seconds: float) -> bool:
        """Refuse new requests and finish those accepted; True if all ended in time."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    # --- the engine's thread ------------------------------------------------------------------

    @torch.inference_mode()
    def _run(self) -> None:
        while True:
            try:
                self._admit()
                if self._sequences:
                    self._decode_step()
                elif self._closing.is_set() and self._waiting.empty():
                    return
                else:
                    self._wake.wait(timeout=1.0)
                    self._wake.clear()
            except Exception:
                # Whatever broke the step breaks the requests in it, not the server.
                logger.exception("a decoding step failed; its %d requests", len(self._sequences))
                self._fail_in_flight()

    def _fail_in_flight(self) -> None:
        for sequence in self._sequences:
            sequence.generation.on_finish("error")
        self._sequences.clear()
        self._slots.clear()

    def _admit(self) -> None:
        """Prefill as many waiting requests as there are free slots, in one padded batch."""
        free = self._slots.num_slots - self._slots.active
        arrivals: list[Generation] = []
        while len(arrivals) < free:
            try:
                generation = self._waiting.get_nowait()
            except queue.Empty:
                break
            if (reason := _cut_short(generation)) is not None:
                generation.on_finish(reason)
            else:
                arrivals.append(generation)
        if arrivals:
            self._prefill(arrivals)

    def _prefill(self, arrivals: list[Generation]) -> None:
        self._sequences += [_Sequence(g, Sampler(g.sampling), next_token=-1) for g in arrivals]
        lengths = [len(generation.prompt) for generation in arrivals]
        # Padding on the right: under a causal mask no real token ever sees it.
        ids = torch.zeros(len(arrivals), max(lengths), dtype=torch.long)
        for row, generation in enumerate(arrivals):
            ids[row, : lengths[row]] = torch.tensor(generation.prompt)
        prefilled = DynamicCache(config=self.model.config)
        hidden = self.model.model(
            input_ids=ids.to(self.model.device), past_key_values=prefilled, use_cache=True
        ).last_hidden_state
        rows = torch.arange(len(arrivals), device=hidden.device)
        last = torch.tensor(lengths, device=hidden.device) - 1
        logits = self.model.lm_head(hidden[rows, last])
        for row in range(len(arrivals)):
            self._slots.admit(prefilled, row, lengths[row])
        self._take(logits, range(len(self._sequences) - len(arrivals), len(self._sequences)))

    def _decode_step(self) -> None:
        ids = torch.tensor([[s.next_token] for s in self._sequences], device=self.model.device)
        positions = self._slots.lengths[: self._slots.active, None]
        hidden = self.model.model(
            input_ids=ids,
            position_ids=positions,
            attention_mask={"full_attention": self._slots.mask()},
            past_key_values=self._slots.cache,
            use_cache=True,
        ).last_hidden_state
        self._slots.advance()
        self._take(self.model.lm_head(hidden[:, 0]), range(len(self._sequences)))

    def _take(self, logits: torch.Tensor, slots: Sequence[int]) -> None:
        """Draw one token for each of `slots` (rows of `logits`, in order), and end what is done."""
        greedy = logits.argmax(-1).tolist()
        finished: list[int] = []
        for row, slot in enumerate(slots):
            sequence = self._sequences[slot]
            generation = sequence.generation
            if (reason := _cut_short(generation)) is None:
                sampled = generation.sampling.temperature > 0
                token = sequence.sampler.draw(logits[row]) if sampled else greedy[row]
                sequence.next_token = token
                sequence.num_new_tokens += 1
                self._generated_tokens += 1
                reason = self._deliver(sequence, logits[row])
            if reason is not None:
                finished.append(slot)
                generation.on_finish(reason)
        for slot in sorted(finished, reverse=True):
            moved = self._slots.release(slot)
            self._sequences[slot] = self._sequences[moved]
            self._sequences.pop()

    def _deliver(self, sequence: _Sequence, logits: torch.Tensor) -> FinishReason | None:
        generation = sequence.generation
        if sequence.next_token in self._eos:
            return "stop"
        if generation.on_token(_with_logprobs(sequence.next_token, logits, generation)):
            return "stop"
        if sequence.num_new_tokens >= generation.max_new_tokens:
            return "length"
        return None


def _cut_short(generation: Generation) -> FinishReason | None:
    if generation.cancelled.is_set():
        return "cancelled"
    if time.monotonic() > generation.deadline:
        return "timeout"
    return None


def _with_logprobs(token: int, logits: torch.Tensor, generation: Generation) -> Token:
    if generation.num_top_logprobs is None:
        return Token(token, 0.0)
    logprobs = torch.log_softmax(logits.float(), dim=-1)
    top = logprobs.topk(generation.num_top_logprobs)
    pairs = tuple(zip(top.indices.tolist(), top.values.tolist(), strict=True))
    return Token(token, float(logprobs[token]), pairs)
