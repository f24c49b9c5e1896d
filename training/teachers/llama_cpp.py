"""A teacher whose weights run in llama.cpp, on CPUs: the engine that serves students there.

Prompts go as token ids, so that neither template nor tokenizer can differ from ours. All is
float32: left to itself llama.cpp keeps keys and values in float16, and computes attention in it,
which is 1.6 times as fast and changes 4 of 100 answers of a random model.

The seed of a request is its own. What is computed beside it changes the rounding of its logits, as
it does in our own decoding: the same request has the same answer unless two tokens are within that
rounding of each other, or of the number drawn.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from serving.export.gguf_file import require_exportable, write_gguf
from serving.export.settings import write_settings
from serving.llama_cpp.build import BUILD
from serving.llama_cpp.process import LlamaServer, ServerFailed
from training.container.host import worthwhile_threads
from training.models.weights import LocalModel, tokenizer_hash
from training.teachers.llama_requests import EngineAnswer, answers
from training.teachers.teacher import Completion, ModelUsage, OnAnswer, Request, Teacher
from training.teachers.tokenized import TokenizedRequests, tokenize_requests
from training.teachers.weights import stream_of

_SLOTS = 32
_ANY_SEED = 0xFFFFFFFF
"""llama.cpp draws a seed of its own in place of this one."""
_ASKED_FOR = ("tokens", "stop_type")
_UNPARSED = json.dumps({"parsers": [{"type": "epsilon"}], "rules": {}, "root": 0})
"""A grammar of nothing: llama.cpp would parse the text, and fails where it is not valid UTF-8, as
where an answer is cut within a character."""
_log = logging.getLogger(__name__)


class LlamaCppTeacher:
    """Answers through a server that lives as long as one call of `generate`.

    If it fails, the weights are read again and asked by our own decoding: a run is not lost.
    """

    def __init__(
        self, local: LocalModel, otherwise: Callable[[], Teacher], *, at_once: int, seed: int = 0
    ) -> None:
        """Write the weights where llama.cpp can read them; `local` is not kept.

        Args:
            otherwise: Opens the same weights for our own decoding.
            at_once: Requests answered side by side, at most.

        Raises:
            NotExportable: llama.cpp has no such model or tokenizer.
        """
        self._name, self._chat, self._seed = local.name, local.chat, seed
        self._otherwise, self._at_once = otherwise, min(at_once, _SLOTS)
        self._max_positions = local.max_positions
        self.num_parameters, self.vocabulary_size = local.num_parameters, local.vocabulary_size
        self.tokenizer_hash = tokenizer_hash(local.tokenizer)
        self._usage = ModelUsage()
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._gguf = _exported(local, Path(folder))
        self._fallback: Teacher | None = None
        self._threads = worthwhile_threads(local.num_parameters)
        _log.info(
            "%s answers through llama.cpp %s, in float32, on %d threads",
            self._name,
            BUILD,
            self._threads,
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def usage(self) -> ModelUsage:
        return self._usage

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        started, seconds_before = time.perf_counter(), self._usage.seconds

        def tell(index: int, completion: Completion) -> None:
            self._usage.seconds = seconds_before + time.perf_counter() - started
            on_answer(index, completion)

        reading = tokenize_requests(
            requests,
            self._chat,
            max_positions=self._max_positions,
            name=self.name,
            on_answer=on_answer,
        )
        if reading.readable and self._fallback is None:
            try:
                self._answer(requests, reading, stop, tell)
            except ServerFailed as error:
                _log.warning("%s answers by our own decoding from here on: %s", self.name, error)
                self._fallback = self._otherwise()
        if self._fallback is not None:
            self._answer_otherwise(self._fallback, requests, reading, stop, tell)
        return reading.completions

    def _answer(
        self,
        requests: Sequence[Request],
        reading: TokenizedRequests,
        stop: Callable[[], bool],
        on_answer: OnAnswer,
    ) -> None:
        readable = reading.readable
        bodies = [self._body(requests[index], reading.prompts[index]) for index in readable]
        context = max(len(body["prompt"]) + body["n_predict"] for body in bodies)
        slots = min(self._at_once, len(bodies))
        with LlamaServer(self._gguf, self._arguments(slots, context)) as server:
            for place, answer in answers(server, "/completion", bodies, at_once=slots, stop=stop):
                if answer.status != 200:
                    raise ServerFailed(f"llama.cpp refused a prompt of tokens: {answer.shown}")
                index = readable[place]
                completion = self._completion(answer, len(reading.prompts[index]))
                reading.completions[index] = completion
                self._usage.add(completion)
                on_answer(index, completion)

    def _answer_otherwise(
        self,
        fallback: Teacher,
        requests: Sequence[Request],
        reading: TokenizedRequests,
        stop: Callable[[], bool],
        on_answer: OnAnswer,
    ) -> None:
        left = [index for index in reading.readable if reading.completions[index] is None]

        def take(place: int, completion: Completion) -> None:
            reading.completions[left[place]] = completion
            self._usage.add(completion)
            on_answer(left[place], completion)

        if left:
            fallback.generate([requests[index] for index in left], stop=stop, on_answer=take)

    def _arguments(self, slots: int, context: int) -> list[str]:
        told = {
            "--parallel": slots,
            "--ctx-size": slots * context,
            "--threads": self._threads,
            "--threads-batch": self._threads,
            "--cache-ram": 0,
            "--flash-attn": "off",
            "--cache-type-k": "f32",
            "--cache-type-v": "f32",
        }
        given = [text for flag, value in told.items() for text in (flag, str(value))]
        return [*given, "--no-webui", "--no-slots", "--no-warmup"]

    def _body(self, request: Request, prompt: list[int]) -> dict[str, Any]:
        return {
            "prompt": prompt,
            "n_predict": min(request.max_new_tokens, self._max_positions - len(prompt)),
            "temperature": request.temperature,
            # The whole distribution, as our own decoding draws from.
            "samplers": ["temperature"],
            "seed": self._seed_of(request, prompt),
            # What another slot has read is not worth the search among prompts that all differ.
            "cache_prompt": False,
            "return_tokens": True,
            "chat_parser": _UNPARSED,
            "response_fields": list(_ASKED_FOR),
        }

    def _seed_of(self, request: Request, prompt: Sequence[int]) -> int:
        digest = hashlib.sha256(repr((self._seed, stream_of(request, prompt))).encode()).digest()
        return int.from_bytes(digest[:4], "big") % _ANY_SEED

    def _completion(self, answer: EngineAnswer, prompt_tokens: int) -> Completion:
        tokens: list[int] = answer.body["tokens"]
        ends = (place for place, token in enumerate(tokens) if token in self._chat.eos)
        end = next(ends, None)
        # llama.cpp knows tokens by their text that end an answer, too.
        finished = end is not None or answer.body["stop_type"] == "eos"
        written = tokens if end is None else tokens[:end]
        return Completion(
            self._chat.text(written), finished, prompt_tokens, len(written) + (end is not None)
        )


def _exported(local: LocalModel, folder: Path) -> Path:
    """Write the model as it is in memory, with the layers that were kept."""
    require_exportable(local.model.config, local.tokenizer)
    local.model.save_pretrained(folder, safe_serialization=True)
    local.tokenizer.save_pretrained(folder)
    write_settings(folder, local.tokenizer, sorted(local.chat.eos))
    path = write_gguf(folder, "float32", name=local.name)
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    return path
