"""The seam to vLLM, which cannot be installed here: its interface, run by our own generation."""

import sys
from dataclasses import dataclass
from types import ModuleType

import pytest
import torch

from stratos.contracts.jobs import EvaluateConfig, SynthesizeConfig
from stratos.contracts.records import Message
from stratos.spec import Weights
from tests.unit.training.tiny_models import save_model
from training.container.paths import SageMakerPaths
from training.models.generation import Sampling, generate_batch
from training.models.weights import load_model
from training.teachers import vllm
from training.teachers.load import load_teacher
from training.teachers.teacher import Request
from training.teachers.weights import WeightsTeacher

REQUESTS = [
    Request((Message(role="user", content=text),), max_new_tokens, temperature, sample)
    for text, max_new_tokens, temperature, sample in [
        ("how?", 8, 0.0, 0),
        ("why?", 5, 0.0, 0),
        ("how?", 8, 0.7, 1),
    ]
]


@dataclass
class SamplingParams:
    """The fields of vLLM's class that are used; any other is refused, as there."""

    max_tokens: int
    temperature: float
    seed: int
    stop_token_ids: list[int]


@dataclass
class CompletionOutput:
    token_ids: list[int]
    finish_reason: str


@dataclass
class RequestOutput:
    outputs: list[CompletionOutput]


class LLM:
    """Generates like vLLM: the end token is among the token ids, and the reason tells why."""

    def __init__(self, model, **settings):
        self.settings = settings
        self.calls = []
        self._local = load_model("tiny", model)

    def generate(self, prompts, sampling_params, *, use_tqdm):
        assert not use_tqdm
        self.calls.append(len(prompts))
        answered = []
        for prompt, wanted in zip(prompts, sampling_params, strict=True):
            eos = frozenset(wanted.stop_token_ids)
            sampling = Sampling(wanted.max_tokens, eos, wanted.temperature, wanted.seed >> 32)
            (made,) = generate_batch(
                self._local.model, [prompt["prompt_token_ids"]], sampling, [wanted.seed % 2**32]
            )
            tokens = made.written
            reason = "stop" if made.finished else "length"
            answered.append(RequestOutput([CompletionOutput(tokens, reason)]))
        return answered


@pytest.fixture
def source(tmp_path):
    return save_model(tmp_path / "teacher", seed=1)


@pytest.fixture
def installed(monkeypatch):
    """A module of vLLM's name and shape, and a GPU to be believed in."""
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = LLM, SamplingParams
    module.__spec__ = sys.__spec__
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def answer_all(teacher, requests=REQUESTS, stop=lambda: False):
    told = []
    found = teacher.generate(requests, stop=stop, on_answer=lambda index, _: told.append(index))
    return found, told


@pytest.fixture
def teacher(source, installed, monkeypatch):
    monkeypatch.setattr("training.models.weights.torch.cuda.is_available", lambda: False)
    return vllm.open_vllm("tiny", str(source), 3)


def test_it_answers_as_the_same_weights_do_in_this_process(teacher, source):
    plain = WeightsTeacher(load_model("tiny", str(source)), batch_size=4, seed=3)
    assert answer_all(teacher) == answer_all(plain)
    for figure in ("num_parameters", "vocabulary_size", "tokenizer_hash", "name"):
        assert getattr(teacher, figure) == getattr(plain, figure)
    assert teacher.usage.completion_tokens == plain.usage.completion_tokens


def test_it_runs_no_code_of_the_repository_and_uses_every_gpu(teacher):
    settings = teacher._engine.settings
    assert settings["trust_remote_code"] is False
    assert settings["load_format"] == "safetensors"
    assert settings["tensor_parallel_size"] == 2


@pytest.mark.parametrize(("there", "used"), [(1, 1), (3, 2), (8, 4)])
def test_it_uses_as_many_gpus_as_divide_the_heads(source, installed, monkeypatch, there, used):
    # Four query heads; the two key-value heads are copied.
    monkeypatch.setattr("training.models.weights.torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    opened = vllm.open_vllm("tiny", str(source), 3)
    assert opened._engine.settings["tensor_parallel_size"] == used


def test_it_stops_between_windows(teacher, monkeypatch):
    monkeypatch.setattr(vllm, "_WINDOW", 2)
    answers = iter([False, True])
    found, told = answer_all(teacher, stop=lambda: next(answers))
    assert told == [0, 1]
    assert [one is not None for one in found] == [True, True, False]
    assert teacher._engine.calls == [2]


def test_a_prompt_too_long_to_read_is_a_wrong_answer(teacher):
    long = Request((Message(role="user", content="x" * 300),), 4)
    found, told = answer_all(teacher, [long, REQUESTS[1]])
    assert sorted(told) == [0, 1]
    assert (found[0].text, found[0].finished) == ("", False)
    assert found[1].completion_tokens > 0


SHARED = {
    "run_id": "r",
    "result_uri": "s3://b/r.json",
    "progress_uri": "s3://b/p.json",
    "deadline_seconds": 60,
    "usd_per_hour": 1,
    "judging": {"verifier": {"kind": "exact"}, "answer_marker": "####", "has_checker": False},
    "teacher": {"kind": "weights", "path": "teacher"},
}


def opened(config, source, tmp_path, **spec):
    paths = SageMakerPaths({"teacher": source}, tmp_path, tmp_path)
    return load_teacher(Weights(path="teacher", **spec), config, paths, "teacher")


def test_vllm_is_chosen_where_it_is_and_no_other_model_needs_the_gpu(
    source, tmp_path, installed, monkeypatch
):
    synthesize = SynthesizeConfig.model_validate(
        {**SHARED, "strategy": "alignment", "synthesis": {}, "records_uri": "s3://b/", "seed": 0}
    )
    evaluate = EvaluateConfig.model_validate(
        {**SHARED, "student": {"path": "student"}, "max_new_tokens": 4}
    )
    monkeypatch.setattr("training.teachers.load.open_weights", lambda *_: "weights")
    monkeypatch.setattr("training.teachers.vllm.open_vllm", lambda *_: "vllm")
    assert opened(synthesize, source, tmp_path) == "vllm"
    assert opened(evaluate, source, tmp_path) == "weights"
    # vLLM reads a folder as it is, with all of its layers.
    assert opened(synthesize, source, tmp_path, layers=2) == "weights"
    monkeypatch.delitem(sys.modules, "vllm")
    assert opened(synthesize, source, tmp_path) == "weights"
