"""Which engine answers for a teacher of the spec."""

import logging
import sys

import pytest

from serving.llama_cpp.build import BUILD
from stratos.contracts.jobs import EvaluateConfig, ProbeConfig, SynthesizeConfig
from stratos.spec import Weights
from tests.unit.training.fakes import answer_all, ask
from tests.unit.training.tiny_models import make_local, make_tokenizer
from training.container.paths import SageMakerPaths
from training.teachers.llama_cpp import LlamaCppTeacher
from training.teachers.load import load_teacher
from training.teachers.weights import WeightsTeacher

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


@pytest.fixture
def probe():
    shared = {name: value for name, value in SHARED.items() if name != "teacher"}
    told = {"role": "student", "model": SHARED["teacher"], "max_new_tokens": 4, "synthesis": {}}
    return ProbeConfig.model_validate(shared | told)


def test_weights_on_cpus_are_asked_through_llama_cpp(probe, source, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    teacher = opened(probe, source, tmp_path)
    assert isinstance(teacher, LlamaCppTeacher)
    assert f"teacher answers through llama.cpp {BUILD}, in float32" in caplog.text
    (found,) = answer_all(teacher, [ask("?", max_new_tokens=4)])
    assert 0 < found.completion_tokens <= 4


def test_weights_that_llama_cpp_lacks_are_asked_by_our_own_decoding(probe, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    local = make_local(make_tokenizer(["a", "b"]))
    local.model.save_pretrained(tmp_path / "plain")
    local.tokenizer.save_pretrained(tmp_path / "plain")
    teacher = opened(probe, tmp_path / "plain", tmp_path)
    assert isinstance(teacher, WeightsTeacher)
    assert "teacher answers by our own decoding: the tokenizer has no merges" in caplog.text
