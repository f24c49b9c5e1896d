"""A model asked as its endpoint will be."""

import logging
import shutil

import pytest

from serving.export.gguf_file import write_gguf
from serving.export.settings import write_settings
from serving.llama_cpp.build import BUILD
from serving.llama_cpp.process import ServerFailed
from stratos.contracts.plan import PlannedEngine
from tests import tool_templates
from tests.unit.training.calling_models import OSLO, QUESTION, WEATHER, calling_model
from tests.unit.training.fakes import answer_all, ask
from tests.unit.training.tiny_models import make_local
from training.teachers import served
from training.teachers.served import ServedGguf, endpoint_arguments
from training.teachers.teacher import Request
from training.teachers.weights import WeightsTeacher


def engine(context_tokens=256, slots=4):
    return PlannedEngine(
        name="llama_cpp",
        precision="float32",
        context_tokens=context_tokens,
        slots=slots,
        memory_gib=0.1,
    )


@pytest.fixture(scope="module")
def local():
    # Wide weights: no two tokens are so near that the engine's float16 attention turns them.
    return make_local(initializer_range=0.4, seed=3)


@pytest.fixture(scope="module")
def gguf(local, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    local.model.save_pretrained(folder)
    local.tokenizer.save_pretrained(folder)
    write_settings(folder, local.tokenizer, sorted(local.chat.eos))
    return write_gguf(folder, "float32")


def started_with(monkeypatch, gguf, endpoint, available_bytes):
    """What the server is started with, where so much memory is available."""
    told = []

    def start(path, arguments):
        told.append((path, arguments))
        raise ServerFailed("not today")

    monkeypatch.setattr(served, "LlamaServer", start)
    monkeypatch.setattr(served, "available_memory_bytes", lambda: available_bytes)
    with pytest.raises(ServerFailed, match="not today"):
        answer_all(ServedGguf("student", gguf, endpoint), [ask("?")])
    ((path, arguments),) = told
    assert path == gguf
    return arguments


def by_flag(arguments):
    values = [*arguments[1:], "--"]
    return {
        flag: None if value.startswith("--") else value
        for flag, value in zip(arguments, values, strict=True)
        if flag.startswith("--")
    }


def test_its_server_is_told_what_its_endpoint_is_told_but_to_answer_more_at_once(gguf, monkeypatch):
    arguments = by_flag(started_with(monkeypatch, gguf, engine(512, 4), 2**40))
    endpoint = by_flag(endpoint_arguments(engine(512, 4)))
    assert (endpoint["--ctx-size"], endpoint["--parallel"]) == ("2048", "4")
    # Each question's context is the endpoint's.
    assert arguments == endpoint | {"--ctx-size": "8192", "--parallel": "16"}
    assert (arguments["--temp"], arguments["--cache-ram"]) == ("0", "0")
    assert "--jinja" in arguments


def test_it_asks_as_many_at_once_as_a_quarter_of_the_memory_holds(local, gguf, monkeypatch):
    config = local.model.config
    keys = config.num_key_value_heads * config.head_dim
    cache = 2 * 2 * config.num_hidden_layers * keys * 65_536
    # Sampling needs a little more than ten times the cache.
    several = by_flag(started_with(monkeypatch, gguf, engine(65_536, 4), 4 * 10.9 * cache))
    assert several["--parallel"] == "10"
    none = by_flag(started_with(monkeypatch, gguf, engine(65_536, 4), 0))
    assert none["--parallel"] == "4"
    many = by_flag(started_with(monkeypatch, gguf, engine(512, 40), 2**40))
    assert many["--parallel"] == "40"


def test_the_log_says_which_engine_answers(gguf, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    started_with(monkeypatch, gguf, engine(), 2**40)
    assert caplog.messages == [
        f"student answers by llama.cpp {BUILD} on cpu, model.gguf, 16 questions at once"
    ]


def test_chat_requests_are_answered_and_cut_at_their_limit(local, gguf):
    requests = [ask(f"what is {number}?") for number in range(8)]
    student = ServedGguf("student", gguf, engine())
    found = answer_all(student, requests)
    ours = answer_all(WeightsTeacher(local, batch_size=8), requests)
    for here, there in zip(found, ours, strict=True):
        assert here.prompt_tokens == there.prompt_tokens
        assert here.finished == there.finished
        assert here.completion_tokens <= 16
    assert student.usage.calls == 8
    assert student.usage.completion_tokens == sum(one.completion_tokens for one in found)
    assert student.usage.tokens_per_second > 0


def test_a_question_beyond_the_context_counts_as_wrong(gguf, caplog):
    student = ServedGguf("student", gguf, engine(256, 1))
    long, short = answer_all(student, [ask("x" * 300), ask("y")])
    assert (long.text, long.finished, long.completion_tokens) == ("", False, 0)
    assert long.prompt_tokens > 300
    assert short.completion_tokens > 0
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "refused 1 of 2 questions to student, which count as wrong" in warning.getMessage()
    assert "exceed_context_size_error" in warning.getMessage()


def test_an_engine_that_refuses_every_question_is_no_measurement(gguf):
    student = ServedGguf("student", gguf, engine(256, 1))
    with pytest.raises(ServerFailed, match="refused 2 of 2 questions"):
        answer_all(student, [ask("x" * 300), ask("y" * 300)])


def test_a_file_that_is_no_model_says_what_the_engine_said(gguf, tmp_path):
    for name in ("config.json", "model.safetensors"):
        shutil.copy(gguf.parent / name, tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"no model")
    with pytest.raises(ServerFailed, match="cannot serve"):
        answer_all(ServedGguf("student", tmp_path / "model.gguf", engine()), [ask("?")])


@pytest.mark.parametrize("syntax", ["Hermes", "Mistral", "Llama 3"])
def test_the_engine_reads_the_calls_that_a_job_reads(syntax, tmp_path):
    local = calling_model(tool_templates.SYNTAXES[syntax])
    local.model.save_pretrained(tmp_path)
    local.tokenizer.save_pretrained(tmp_path)
    write_settings(tmp_path, local.tokenizer, sorted(local.chat.eos))
    model = ServedGguf("student", write_gguf(tmp_path, "float32"), engine(context_tokens=1024))
    asked = [
        Request((QUESTION,), 150, tools=(WEATHER,)),
        Request((QUESTION,), 150, tools=(WEATHER,), tool_choice="required"),
    ]
    (ours,) = answer_all(WeightsTeacher(local, batch_size=1), asked[:1])
    (theirs, demanded) = answer_all(model, asked)
    assert ours.prompt_tokens == theirs.prompt_tokens
    assert (ours.text, theirs.text) == ("", "")
    for one in (ours, theirs, demanded):
        assert one.finished
        assert [(call.name, call.arguments) for call in one.tool_calls] == [
            (OSLO.name, OSLO.arguments)
        ]
