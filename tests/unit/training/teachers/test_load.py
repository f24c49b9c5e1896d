"""Which engine answers for a teacher of the spec."""

import logging
import sys

from stratos.contracts.jobs import EvaluateConfig, SynthesizeConfig
from stratos.spec import Weights
from training.container.paths import SageMakerPaths
from training.teachers.load import load_teacher

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


def test_the_log_says_that_weights_answer_by_our_own_batches(source, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="training")
    evaluate = EvaluateConfig.model_validate(
        {**SHARED, "student": {"path": "student"}, "max_new_tokens": 4}
    )
    opened(evaluate, source, tmp_path)
    assert caplog.messages == ["teacher answers by our own batches on cpu, float32"]
