"""A model as its endpoint will answer: a GGUF in llama.cpp, told what the endpoint is told.

Only more questions are asked side by side: a job has many, where an endpoint may have few.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from serving.llama_cpp.arguments import arguments_of
from serving.llama_cpp.build import BUILD
from serving.llama_cpp.client import EngineAnswer
from serving.llama_cpp.process import LlamaServer, ServerFailed
from serving.memory import available_memory_bytes
from stratos.catalog.cards import folder_card
from stratos.catalog.files import FilesOnDisk
from stratos.contracts.plan import PlannedEngine
from stratos.hosting.chat_request import chat_request, said_in
from stratos.hosting.container import llama_cpp_environment
from stratos.planning.forecast.llama_cpp import slot_bytes
from stratos.planning.forecast.transformer import transformer
from training.teachers.llama_requests import answers
from training.teachers.teacher import Completion, ModelUsage, OnAnswer, Request

_AT_ONCE = 16
"""Questions that a job asks side by side, where memory allows."""
_MEMORY_SHARE = 0.25
"""Of the memory that is available, for the contexts of those questions."""
_log = logging.getLogger(__name__)


class ServedGguf:
    """Answers chat requests, each by the endpoint's own context, template and settings.

    The folder of the GGUF holds the model's config.json, too.

    What the endpoint would refuse has an empty answer, which counts as wrong.
    """

    def __init__(self, name: str, gguf: Path, engine: PlannedEngine) -> None:
        self.name, self._gguf, self._engine = name, gguf, engine
        self._usage = ModelUsage()

    @property
    def usage(self) -> ModelUsage:
        return self._usage

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        """See `Teacher`.

        Raises:
            ServerFailed: it does not serve the model, or refused every request.
        """
        started, seconds_before = time.perf_counter(), self._usage.seconds
        completions: list[Completion | None] = [None] * len(requests)
        refused: list[str] = []
        engine = self._side_by_side()
        _log.info(
            "%s answers by llama.cpp %s on cpu, %s, %d questions at once",
            self.name,
            BUILD,
            self._gguf.name,
            engine.slots,
        )
        with LlamaServer(self._gguf, endpoint_arguments(engine)) as server:
            for index, answer in answers(
                server,
                "/v1/chat/completions",
                [_body(request) for request in requests],
                at_once=engine.slots,
                stop=stop,
            ):
                if answer.status != 200:
                    refused.append(answer.shown)
                completion = _completion(answer)
                completions[index] = completion
                self._usage.add(completion)
                self._usage.seconds = seconds_before + time.perf_counter() - started
                on_answer(index, completion)
        self._tell(refused, len(requests))
        return completions

    def _side_by_side(self) -> PlannedEngine:
        """The endpoint's engine with as many slots as a job can use and this machine can hold."""
        network = transformer(folder_card(self.name, FilesOnDisk(self._gguf.parent), "."))
        room = _MEMORY_SHARE * available_memory_bytes()
        held = int(room // slot_bytes(network, self._engine.context_tokens))
        slots = max(self._engine.slots, min(_AT_ONCE, held))
        return self._engine.model_copy(update={"slots": slots})

    def _tell(self, refused: Sequence[str], asked: int) -> None:
        if not refused:
            return
        told = f"llama.cpp refused {len(refused)} of {asked} questions to {self.name}"
        if len(refused) == asked:
            raise ServerFailed(f"{told}, the last with {refused[-1]}")
        _log.warning("%s, which count as wrong; the first with %s", told, refused[0])


def endpoint_arguments(engine: PlannedEngine) -> list[str]:
    """What the container of an endpoint with this engine tells llama-server.

    The model's place and name are left out, and torch's threads are taken.
    """
    told = llama_cpp_environment(engine, spec_name="")
    for placed in ("SM_LLAMA_CPP_MODEL", "SM_LLAMA_CPP_ALIAS"):
        del told[placed]
    threads = str(torch.get_num_threads())
    return [*arguments_of(told), "--threads", threads, "--threads-batch", threads]


def _body(request: Request) -> dict[str, object]:
    asked = chat_request(
        request.messages, "", request.max_new_tokens, request.tools, request.tool_choice
    )
    return asked | {"temperature": request.temperature}


def _completion(answer: EngineAnswer) -> Completion:
    if answer.status != 200:
        error: dict[str, Any] = answer.body.get("error", {})
        return Completion("", False, int(error.get("n_prompt_tokens", 0)), 0)
    said, usage = said_in(answer.body), answer.body["usage"]
    return Completion(
        said.text.strip(),
        said.finished,
        usage["prompt_tokens"],
        usage["completion_tokens"],
        tool_calls=said.calls,
    )
