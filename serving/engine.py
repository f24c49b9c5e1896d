"""Continuous batching: one thread decodes every sequence in flight, one token each a step.

A new request is prefilled as soon as a slot is free and joins the batch at the next step; a
finished one leaves at once. Callers hand in a `Generation` and are called back on that thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from transformers import DynamicCache, PreTrainedModel

from serving.sampling import TokenSampler, TokenSampling
from serving.slots import SlotCache

logger = logging.getLogger(__name__)

FinishReason = Literal["stop", "length", "timeout", "cancelled", "error"]
MAX_PREFILL_TOKENS = 4096
"""Prompt tokens, padding included, read between two decoding steps."""
LEAST_LOGPROB = -9999.0
"""JSON has no infinity; OpenAI writes this too for what cannot be drawn."""


class QueueFull(Exception):
    """As many requests are waiting as the engine accepts."""


class Draining(Exception):
    """The engine takes no more requests."""


class Constraint(Protocol):
    """What an answer is held to."""

    def forbidden(self) -> torch.Tensor:
        """Which tokens may not come next: bool [vocabulary]."""

    def accept(self, token: int) -> None:
        """Take the token that was drawn."""

    @property
    def complete(self) -> bool:
        """Whether nothing can follow."""


@dataclass(frozen=True)
class Token:
    """One generated token."""

    id: int
    logprob: float
    top_logprobs: tuple[tuple[int, float], ...] = ()


@dataclass
class GenerationTiming:
    """Moments of `time.monotonic()`; None for what has not happened."""

    submitted: float = field(default_factory=time.monotonic)
    admitted: float | None = None
    first_token: float | None = None


@dataclass
class Generation:
    """One request to the engine.

    `on_token` sees each token as it is drawn and returns True to end the completion (a stop
    sequence was reached); `on_finish` is called exactly once. Both run on the engine's thread.
    """

    prompt: Sequence[int]
    max_new_tokens: int
    sampling: TokenSampling
    on_token: Callable[[Token], bool]
    on_finish: Callable[[FinishReason], None]
    num_top_logprobs: int | None = None
    """None: logprobs are not computed."""
    constraint: Constraint | None = None
    deadline: float = float("inf")
    """`time.monotonic()` after which it is cut short."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    timing: GenerationTiming = field(default_factory=GenerationTiming)


@dataclass
class _Sequence:
    generation: Generation
    sampler: TokenSampler
    next_token: int = -1
    num_new_tokens: int = 0


@dataclass(frozen=True)
class EngineLoad:
    """How busy the engine is now."""

    active: int
    waiting: int
    generated_tokens: int
    """Since the start."""
    steps: int
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
        self._max_waiting = max_waiting
        self._waiting: deque[Generation] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._generated_tokens = 0
        self._steps = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, generation: Generation) -> None:
        """Queue a request.

        Raises:
            ValueError: when prompt and completion together exceed `max_tokens`.
            QueueFull: when too many wait already.
            Draining: when the engine is ending.
        """
        if not generation.prompt:
            raise ValueError("the prompt is empty")
        if len(generation.prompt) + generation.max_new_tokens > self.max_tokens:
            raise ValueError(
                f"{len(generation.prompt)} prompt tokens and {generation.max_new_tokens} new ones "
                f"exceed the context of {self.max_tokens}; shorten the prompt or lower max_tokens"
            )
        with self._changed:
            if self._closing:
                raise Draining("the server is shutting down")
            if len(self._waiting) >= self._max_waiting:
                raise QueueFull(f"{self._max_waiting} requests are waiting already")
            self._waiting.append(generation)
            self._changed.notify()

    @property
    def load(self) -> EngineLoad:
        return EngineLoad(
            len(self._sequences), len(self._waiting), self._generated_tokens, self._steps
        )

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def drain(self, timeout_seconds: float) -> bool:
        """Refuse new requests and finish those accepted; True if all ended in time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    # --- the engine's thread ------------------------------------------------------------------

    @torch.inference_mode()
    def _run(self) -> None:
        while True:
            try:
                if arrivals := self._next_arrivals():
                    self._prefill(arrivals)
                if self._sequences:
                    self._decode_step()
                elif self._closing and not self._waiting:
                    return
            except Exception:
                # Whatever broke the step breaks the requests in it, not the server.
                logger.exception("a decoding step failed; its %d requests", len(self._sequences))
                self._fail_in_flight()

    def _fail_in_flight(self) -> None:
        for sequence in self._sequences:
            sequence.generation.on_finish("error")
        self._sequences.clear()
        self._slots.clear()

    def _next_arrivals(self) -> list[Generation]:
        """Take what may start now; wait for it when nothing is being decoded."""
        arrivals: list[Generation] = []
        with self._changed:
            if not self._sequences:
                self._changed.wait_for(lambda: self._waiting or self._closing)
            ended = [(g, reason) for g in self._waiting if (reason := _cut_short(g)) is not None]
            for generation, _ in ended:
                self._waiting.remove(generation)
            free = self._slots.num_slots - self._slots.active
            longest = 0
            while self._waiting and len(arrivals) < free:
                longest = max(longest, len(self._waiting[0].prompt))
                if arrivals and longest * (len(arrivals) + 1) > MAX_PREFILL_TOKENS:
                    break
                arrivals.append(self._waiting.popleft())
        for generation, reason in ended:
            generation.on_finish(reason)
        return arrivals

    def _prefill(self, arrivals: list[Generation]) -> None:
        """Read the prompts in one padded batch and draw the first token of each."""
        now = time.monotonic()
        for generation in arrivals:
            generation.timing.admitted = now
        self._sequences += [_Sequence(g, TokenSampler(g.sampling)) for g in arrivals]
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
        self._steps += 1
        self._take(self.model.lm_head(hidden[:, 0]), range(len(self._sequences)))

    def _take(self, logits: torch.Tensor, slots: Sequence[int]) -> None:
        """Draw one token for each of `slots` (rows of `logits`, in order), and end what is done."""
        reasons = [self._constrain(slot, logits[row]) for row, slot in enumerate(slots)]
        greedy = logits.argmax(-1).tolist()
        finished: list[int] = []
        for row, slot in enumerate(slots):
            sequence = self._sequences[slot]
            reason = reasons[row] or self._advance(sequence, logits[row], greedy[row])
            if reason is not None:
                finished.append(slot)
                sequence.generation.on_finish(reason)
        for slot in sorted(finished, reverse=True):
            moved = self._slots.release(slot)
            self._sequences[slot] = self._sequences[moved]
            self._sequences.pop()

    def _constrain(self, slot: int, logits: torch.Tensor) -> FinishReason | None:
        """Rule out, in place, the tokens a request's constraint forbids."""
        constraint = self._sequences[slot].generation.constraint
        if constraint is None:
            return None
        try:
            logits.masked_fill_(constraint.forbidden().to(logits.device), float("-inf"))
        except Exception:
            logger.exception("a constraint failed; its request ends")
            return "error"
        return None

    def _advance(
        self, sequence: _Sequence, logits: torch.Tensor, greedy: int
    ) -> FinishReason | None:
        """Draw a sequence's token and hand it on; return why the sequence ends, if it does."""
        generation = sequence.generation
        if (reason := _cut_short(generation)) is not None:
            return reason
        sampled = generation.sampling.temperature > 0
        token = sequence.sampler.draw(logits) if sampled else greedy
        sequence.next_token = token
        sequence.num_new_tokens += 1
        self._generated_tokens += 1
        if generation.timing.first_token is None:
            generation.timing.first_token = time.monotonic()
        if token in self._eos:
            return "stop"
        try:
            stop = generation.on_token(_with_logprobs(token, logits, generation))
            if generation.constraint is not None:
                generation.constraint.accept(token)
                stop = stop or generation.constraint.complete
        except Exception:
            logger.exception("a request's callback failed; it ends")
            return "error"
        if stop:
            return "stop"
        return "length" if sequence.num_new_tokens >= generation.max_new_tokens else None


def _cut_short(generation: Generation) -> FinishReason | None:
    if generation.cancelled.is_set():
        return "cancelled"
    if time.monotonic() > generation.deadline:
        return "timeout"
    return None


def _with_logprobs(token: int, logits: torch.Tensor, generation: Generation) -> Token:
    if generation.num_top_logprobs is None:
        return Token(token, 0.0)
    logprobs = torch.log_softmax(logits.float(), dim=-1).clamp_min(LEAST_LOGPROB)
    top = logprobs.topk(min(generation.num_top_logprobs, len(logprobs)))
    pairs = tuple(zip(top.indices.tolist(), top.values.tolist(), strict=True))
    return Token(token, float(logprobs[token]), pairs)
