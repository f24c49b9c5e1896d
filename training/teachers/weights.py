"""A teacher whose weights are in this process."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence

from training.models.generation import Sampling, generate
from training.models.weights import LocalModel, precision_of, tokenizer_hash
from training.teachers.teacher import Completion, ModelUsage, OnAnswer, Request
from training.teachers.tokenized import TokenizedRequests, tokenize_requests

_log = logging.getLogger(__name__)


class WeightsTeacher:
    """Answers by batched decoding; also how a student is asked."""

    def __init__(self, local: LocalModel, *, batch_size: int, seed: int = 0) -> None:
        self.local, self._batch_size, self._seed = local, batch_size, seed
        self._usage = ModelUsage()
        _log.info(
            "%s answers by our own batches on %s, %s",
            local.name,
            local.model.device.type,
            precision_of(local.model),
        )

    @property
    def name(self) -> str:
        return self.local.name

    @property
    def num_parameters(self) -> int:
        return self.local.num_parameters

    @property
    def vocabulary_size(self) -> int:
        return self.local.vocabulary_size

    @property
    def tokenizer_hash(self) -> str:
        return tokenizer_hash(self.local.tokenizer)

    @property
    def usage(self) -> ModelUsage:
        return self._usage

    def generate(
        self,
        requests: Sequence[Request],
        *,
        stop: Callable[[], bool],
        on_answer: OnAnswer,
    ) -> list[Completion | None]:
        started, seconds_before = time.perf_counter(), self._usage.seconds
        chat = self.local.chat
        reading = tokenize_requests(
            requests,
            chat,
            max_positions=self.local.max_positions,
            name=self.name,
            on_answer=on_answer,
        )
        prompts, completions, begun = reading.prompts, reading.completions, reading.begun
        for (temperature, max_new_tokens), members in _by_sampling(requests, reading).items():
            sampling = Sampling(max_new_tokens, chat.eos, temperature, self._seed)
            for position, generated in generate(
                self.local.model,
                [reading.read(index) for index in members],
                sampling,
                batch_size=self._batch_size,
                streams=[stream_of(requests[index], prompts[index]) for index in members],
                stop=stop,
                on_step=self._count_step,
            ):
                index = members[position]
                self._usage.under_way = 0
                written = begun[index] + generated.tokens
                reply = chat.reply(written, requests[index].callable_tools)
                completion = Completion(
                    reply.text,
                    generated.finished,
                    len(prompts[index]),
                    len(written) + generated.finished,
                    tool_calls=reply.tool_calls,
                )
                completions[index] = completion
                self._usage.add(completion)
                self._usage.seconds = seconds_before + time.perf_counter() - started
                on_answer(index, completion)
        return completions

    def _count_step(self, num_tokens: int) -> None:
        self._usage.under_way += num_tokens


def _by_sampling(
    requests: Sequence[Request], reading: TokenizedRequests
) -> dict[tuple[float, int], list[int]]:
    groups: dict[tuple[float, int], list[int]] = {}
    for index in reading.readable:
        request = requests[index]
        room = max(1, request.max_new_tokens - len(reading.begun[index]))
        groups.setdefault((request.temperature, room), []).append(index)
    return groups


def stream_of(request: Request, prompt: Sequence[int]) -> int:
    """A number of 32 bits that only the request's content decides."""
    digest = hashlib.sha256(repr((request.sample, list(prompt))).encode()).digest()
    return int.from_bytes(digest[:4], "big")
