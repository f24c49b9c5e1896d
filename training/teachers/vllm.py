"""A teacher whose weights run in vLLM: continuous batching on a GPU, where vLLM is installed.

vLLM takes most of the GPU's memory for itself, so it serves a teacher only in jobs that hold no
other model. `make test-vllm` runs it on a CPU; on a GPU it has not run, see docs/not-yet-proven.md.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import AutoConfig, AutoTokenizer, GenerationConfig
from transformers import PreTrainedTokenizerBase as Tokenizer

from stratos.catalog.architecture import architecture
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.safetensors import stored_tensors
from stratos.contracts.messages import Tool
from stratos.planning.forecast.transformer import Transformer
from training.models.chat import ChatFormat
from training.models.shape import shape_of
from training.models.weights import tokenizer_hash
from training.teachers.teacher import Completion, ModelUsage, OnAnswer, Request
from training.teachers.tokenized import TokenizedRequests, tokenize_requests
from training.teachers.weights import stream_of

_WINDOW = 512
"""Requests handed over at once: enough to keep the GPU busy, few enough to stop in between."""
_MAX_POSITIONS = 32_768
"""vLLM refuses to start where the cache cannot hold one sequence of the longest allowed."""

_SEEDS = 1 << 32
"""vLLM's seeds are below this: a larger one ends the engine with an overflow."""
_log = logging.getLogger(__name__)
_ODD = 0x9E3779B1
"""Spreads a run's small seeds over all of them."""


class VllmOutput(Protocol):
    """vLLM's CompletionOutput, as far as it is used."""

    token_ids: Sequence[int]
    finish_reason: str | None
    """`stop` at an end token, `length` at the limit."""


class VllmRequestOutput(Protocol):
    """vLLM's RequestOutput, as far as it is used."""

    outputs: Sequence[VllmOutput]


class VllmEngine(Protocol):
    """vLLM's LLM, as far as it is used."""

    def generate(
        self, prompts: Sequence[Any], sampling_params: Sequence[Any], *, use_tqdm: bool
    ) -> Sequence[VllmRequestOutput]: ...


class VllmTeacher:
    """Answers windows of requests; results come in the order of the requests."""

    def __init__(
        self,
        name: str,
        engine: VllmEngine,
        sampling: Callable[..., Any],
        tokenizer: Tokenizer,
        chat: ChatFormat,
        *,
        max_positions: int,
        num_parameters: int,
        vocabulary_size: int,
        seed: int = 0,
    ) -> None:
        """Set up.

        Args:
            sampling: Makes vLLM's SamplingParams.
        """
        self._name, self._engine, self._sampling = name, engine, sampling
        self._chat, self._max_positions, self._seed = chat, max_positions, seed
        self.num_parameters, self.vocabulary_size = num_parameters, vocabulary_size
        self.tokenizer_hash = tokenizer_hash(tokenizer)
        self._usage = ModelUsage()

    @property
    def name(self) -> str:
        return self._name

    @property
    def usage(self) -> ModelUsage:
        return self._usage

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        reading = tokenize_requests(
            requests,
            self._chat,
            max_positions=self._max_positions,
            name=self.name,
            on_answer=on_answer,
        )
        completions, readable = reading.completions, reading.readable
        for start in range(0, len(readable), _WINDOW):
            if stop():
                break
            window = readable[start : start + _WINDOW]
            started = time.perf_counter()
            outputs = self._engine.generate(
                [{"prompt_token_ids": reading.read(index)} for index in window],
                [self._parameters(requests[index], reading, index) for index in window],
                use_tqdm=False,
            )
            self._usage.seconds += time.perf_counter() - started
            for index, output in zip(window, outputs, strict=True):
                completion = self._completion(
                    output.outputs[0], reading, index, requests[index].callable_tools
                )
                completions[index] = completion
                self._usage.add(completion)
                on_answer(index, completion)
        return completions

    def _parameters(self, request: Request, reading: TokenizedRequests, index: int) -> Any:
        prompt, begun = reading.prompts[index], reading.begun[index]
        room = self._max_positions - len(prompt) - len(begun)
        return self._sampling(
            max_tokens=min(max(1, request.max_new_tokens - len(begun)), room),
            temperature=request.temperature,
            # As with weights in this process: only the request's content decides.
            seed=(self._seed * _ODD + stream_of(request, prompt)) % _SEEDS,
            stop_token_ids=sorted(self._chat.eos),
        )

    def _completion(
        self, output: VllmOutput, reading: TokenizedRequests, index: int, tools: Sequence[Tool]
    ) -> Completion:
        tokens = [*reading.begun[index], *output.token_ids]
        written = [token for token in tokens if token not in self._chat.eos]
        reply = self._chat.reply(written, tools)
        return Completion(
            reply.text,
            output.finish_reason == "stop",
            len(reading.prompts[index]),
            len(tokens),
            tool_calls=reply.tool_calls,
        )


def is_available() -> bool:
    """Whether vLLM is installed and has a GPU to run on."""
    return torch.cuda.is_available() and importlib.util.find_spec("vllm") is not None


def open_vllm(name: str, source: str, seed: int) -> VllmTeacher:
    """Start vLLM on a model folder: safetensors only, and no code that comes with them.

    Of a model of several parts, its text is what counts.

    Raises:
        ValueError: when files are missing, cut short, or of another number of layers.
    """
    vllm = importlib.import_module("vllm")
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    folder, text = Path(source), config.get_text_config()
    tensors = stored_tensors(FilesOnDisk(folder.parent), folder.name)
    num_parameters = architecture(name, config.to_dict(), tensors).num_parameters
    shape = shape_of(name, text, num_parameters)
    positions = int(getattr(text, "max_position_embeddings", _MAX_POSITIONS))
    positions = min(positions, _MAX_POSITIONS)
    dtype = _dtype(getattr(config, "dtype", None) or getattr(text, "dtype", None))
    engine = vllm.LLM(
        model=source,
        trust_remote_code=False,
        load_format="safetensors",
        # By default vLLM would compute float32 weights in 16 bits.
        dtype=dtype,
        tensor_parallel_size=_num_devices(shape, torch.cuda.device_count()),
        # Of a repository's own sampling settings only the end tokens are wanted.
        generation_config="vllm",
        max_model_len=positions,
        seed=seed,
    )
    _log.info("%s answers by vLLM on cuda, %s", name, dtype)
    ends = {tokenizer.eos_token_id, *_configured_ends(source, text)}
    return VllmTeacher(
        name,
        engine,
        vllm.SamplingParams,
        tokenizer,
        ChatFormat(tokenizer, sorted(end for end in ends if end is not None)),
        max_positions=positions,
        num_parameters=num_parameters,
        vocabulary_size=int(text.vocab_size),
        seed=seed,
    )


def _dtype(stored: torch.dtype | None) -> str:
    """As the weights are stored; 16 bits are float16 where bfloat16 would be emulated."""
    if stored not in (torch.bfloat16, torch.float16):
        return "float32"
    if not torch.cuda.is_available():
        return "float32"
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return str(stored).removeprefix("torch.") if native else "float16"


def _num_devices(shape: Transformer, there: int) -> int:
    """As many devices as vLLM can divide the model over, in powers of two."""
    split = 1
    while 2 * split <= there and shape.splits_over(2 * split):
        split *= 2
    return split


def _configured_ends(source: str, config: Any) -> list[int]:
    """End tokens of generation_config.json, or of config.json where there is none."""
    try:
        ends = GenerationConfig.from_pretrained(source).eos_token_id
    except OSError:
        ends = getattr(config, "eos_token_id", None)
    return ends if isinstance(ends, list) else [] if ends is None else [ends]
