"""The seam to vLLM, run by our own generation; `make test-vllm` runs the real one."""

import logging

import pytest
import torch

from stratos.contracts.messages import Message, NamedTool
from tests import tool_templates
from tests.unit.training.calling_models import OSLO, QUESTION, WEATHER, calling_model
from tests.unit.training.tiny_models import save_in_parts
from training.models.weights import load_model
from training.teachers import vllm
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


def answer_all(teacher, requests=REQUESTS, stop=lambda: False):
    told = []
    found = teacher.generate(requests, stop=stop, on_answer=lambda index, _: told.append(index))
    return found, told


@pytest.fixture
def teacher(source, installed, monkeypatch):
    monkeypatch.setattr("training.models.weights.torch.cuda.is_available", lambda: False)
    return vllm.open_vllm("tiny", str(source), 3)


def test_vllm_answers_as_the_same_weights_do_in_this_process(teacher, source):
    plain = WeightsTeacher(load_model("tiny", str(source)), batch_size=4, seed=3)
    greedy = [request for request in REQUESTS if request.temperature == 0]
    assert answer_all(teacher, greedy) == answer_all(plain, greedy)
    for figure in ("num_parameters", "vocabulary_size", "tokenizer_hash", "name"):
        assert getattr(teacher, figure) == getattr(plain, figure)
    assert teacher.usage.completion_tokens == plain.usage.completion_tokens


def test_a_teacher_in_parts_answers_by_its_text(tmp_path, installed, monkeypatch):
    monkeypatch.setattr("training.models.weights.torch.cuda.is_available", lambda: False)
    source = str(save_in_parts(tmp_path / "parts", max_position_embeddings=64))
    opened = vllm.open_vllm("parts", source, 3)
    plain = WeightsTeacher(load_model("parts", source), batch_size=4, seed=3)
    for figure in ("num_parameters", "vocabulary_size", "tokenizer_hash"):
        assert getattr(opened, figure) == getattr(plain, figure)
    assert opened._engine.settings["max_model_len"] == 64
    long = Request((Message(role="user", content="x" * 70),), 4)
    assert answer_all(opened, [long, REQUESTS[1]]) == answer_all(plain, [long, REQUESTS[1]])


def test_weights_that_are_cut_short_are_refused_before_vllm_starts(source, installed, monkeypatch):
    started = []
    monkeypatch.setattr(vllm.importlib.import_module("vllm"), "LLM", started.append)
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is cut short"):
        vllm.open_vllm("tiny", str(source), 3)
    assert not started


def test_the_request_and_the_runs_seed_alone_decide_what_is_drawn(source, installed, monkeypatch):
    monkeypatch.setattr("training.models.weights.torch.cuda.is_available", lambda: False)
    (drawn,) = (request for request in REQUESTS if request.temperature > 0)

    def answers(seed):
        opened = vllm.open_vllm("tiny", str(source), seed)
        return [one.text for one in answer_all(opened, [drawn, REQUESTS[0], drawn])[0]]

    assert answers(3)[0] == answers(3)[2]
    assert len({answers(seed)[0] for seed in (0, 1, 2, 3)}) > 1


def test_weights_are_computed_in_what_they_are_stored_in(teacher):
    assert teacher._engine.settings["dtype"] == "float32"


def test_the_log_says_that_vllm_answers(source, installed, monkeypatch, caplog):
    monkeypatch.setattr("training.models.weights.torch.cuda.is_available", lambda: False)
    caplog.set_level(logging.INFO, logger="training")
    vllm.open_vllm("tiny", str(source), 3)
    assert "tiny answers by vLLM on cuda, float32" in caplog.messages


def test_vllm_runs_no_code_of_the_repository_and_uses_every_gpu(teacher):
    settings = teacher._engine.settings
    assert settings["trust_remote_code"] is False
    assert settings["load_format"] == "safetensors"
    assert settings["tensor_parallel_size"] == 2


@pytest.mark.parametrize(("there", "used"), [(1, 1), (3, 2), (8, 4)])
def test_vllm_uses_as_many_gpus_as_divide_the_heads(source, installed, monkeypatch, there, used):
    # Four query heads; the two key-value heads are copied.
    monkeypatch.setattr("training.models.weights.torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    opened = vllm.open_vllm("tiny", str(source), 3)
    assert opened._engine.settings["tensor_parallel_size"] == used


def test_vllm_stops_between_windows(teacher, monkeypatch):
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


def test_calls_are_read_as_from_the_same_weights_in_this_process(tmp_path, installed, monkeypatch):
    monkeypatch.setattr("training.models.weights.torch.cuda.is_available", lambda: False)
    local = calling_model(tool_templates.HERMES)
    local.model.save_pretrained(tmp_path)
    local.tokenizer.save_pretrained(tmp_path)
    shown = Request((QUESTION,), 150, tools=(WEATHER,), tool_choice="none")
    named = NamedTool(name=WEATHER.name)
    asked = [Request((QUESTION,), 150, tools=(WEATHER,)), shown]
    asked.append(Request((QUESTION,), 150, tools=(WEATHER,), tool_choice=named))
    found, _ = answer_all(vllm.open_vllm("calling", str(tmp_path), 3), asked)
    assert found[2] == found[0]
    assert (found, [0, 1, 2]) == answer_all(WeightsTeacher(local, batch_size=2), asked)
    assert [call.arguments for call in found[0].tool_calls] == [OSLO.arguments]
    assert (found[1].tool_calls, found[1].text[:11]) == ((), "<tool_call>")
