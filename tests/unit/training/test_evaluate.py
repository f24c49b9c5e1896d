"""Evaluation as SageMaker runs it, of an artifact as distillation leaves it."""

import tarfile

import pytest

from serving.llama_cpp.build import BUILD
from stratos.contracts.jobs import EvaluateResult
from tests.unit.training.jobs import BUCKET, STUDENT, TEACHER, read
from training import distill, evaluate
from training.teachers.served import ServedGguf

ENGINE = {
    "name": "llama_cpp",
    "precision": "q8_0",
    "context_tokens": 128,
    "slots": 4,
    "memory_gib": 0.1,
}


@pytest.fixture
def artifact(container, records, s3, tmp_path):
    """The URI of a student's model.tar.gz, for llama.cpp in full and quantised."""
    training = {"max_steps": 2, "batch_tokens": 400}
    settings = {"student": STUDENT, "method": "full", "precision": "float32"}
    precisions = ["float32", "q8_0"]
    assert container(distill, training=training, gguf=precisions, **settings) == 0
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "model", arcname=".")
    s3.upload_file(str(tmp_path / "model.tar.gz"), BUCKET, "m/model.tar.gz")
    return f"s3://{BUCKET}/m/model.tar.gz"


SETTINGS = {
    "teacher": TEACHER,
    "student": STUDENT,
    "max_new_tokens": 6,
    "teacher_max_records": 25,
}


def test_a_student_is_read_beside_all_it_must_be_read_beside(container, s3, artifact):
    artifacts = {"student_artifact": artifact, "live_artifact": artifact}
    assert container(evaluate, artifacts, **SETTINGS) == 0
    result = read(s3, EvaluateResult)
    assert result.student.n == result.untuned_student.n == 30
    assert result.teacher.n == 25
    assert result.live == result.student
    assert set(result.baselines) == {"constant_answer", "nearest_question"}
    assert {one.other for one in result.comparisons} == {
        *("untuned_student", "teacher", "constant_answer", "nearest_question", "live")
    }
    assert result.examples


def test_a_student_is_scored_as_it_will_be_served_and_in_full_beside_it(container, s3, artifact):
    artifacts = {"student_artifact": artifact, "live_artifact": artifact}
    assert container(evaluate, artifacts, engine=ENGINE, **SETTINGS) == 0
    result = read(s3, EvaluateResult)
    assert (result.engine, result.precision) == (f"llama.cpp {BUILD}", "q8_0")
    assert result.student.n == 30
    assert result.live == result.student
    names = {"untuned_student", "teacher", "constant_answer", "nearest_question", "live"}
    assert {one.other for one in result.comparisons} == names | {"full_precision"}
    assert result.full_precision.precision == "float32"
    assert result.full_precision.accuracy.n == 30
    assert {one.other for one in result.full_precision.comparisons} == names


@pytest.mark.parametrize(
    ("live_precision", "file"),
    [
        (None, "model-q8_0.gguf"),
        ("q8_0", "model-q8_0.gguf"),
        ("float32", "model.gguf"),
        ("q4_k_m", "model-q8_0.gguf"),  # which it does not have
    ],
)
def test_the_live_model_is_scored_by_the_file_that_serves_it(
    container, s3, artifact, monkeypatch, live_precision, file
):
    scored = {}

    class Noted(ServedGguf):
        def __init__(self, name, gguf, engine):
            super().__init__(name, gguf, engine)
            scored[name] = gguf.name

    monkeypatch.setattr(evaluate, "ServedGguf", Noted)
    artifacts = {"student_artifact": artifact, "live_artifact": artifact}
    settings = SETTINGS | {"live_precision": live_precision}
    assert container(evaluate, artifacts, engine=ENGINE, **settings) == 0
    assert scored["live"] == file
    assert read(s3, EvaluateResult).live.n == 30


def test_a_student_served_in_full_is_scored_once(container, s3, artifact):
    engine = ENGINE | {"precision": "float32"}
    assert container(evaluate, {"student_artifact": artifact}, engine=engine, **SETTINGS) == 0
    result = read(s3, EvaluateResult)
    assert (result.precision, result.full_precision) == ("float32", None)


def test_a_student_for_gpus_is_scored_by_its_weights(container, s3, artifact):
    engine = ENGINE | {"name": "vllm", "precision": "float32"}
    artifacts = {"student_artifact": artifact, "live_artifact": artifact}
    assert container(evaluate, artifacts, engine=engine, **SETTINGS) == 0
    result = read(s3, EvaluateResult)
    assert (result.engine, result.precision) == ("transformers", "float32")
    assert result.live == result.student


def test_an_artifact_without_the_planned_precision_is_not_scored_in_another(
    container, artifact, tmp_path
):
    engine = ENGINE | {"precision": "q4_k_m"}
    assert container(evaluate, {"student_artifact": artifact}, engine=engine, **SETTINGS) == 2
    failure = (tmp_path / "output" / "failure").read_text()
    assert "model-q4_k_m.gguf of the artifact was to hold q4_k_m" in failure


def test_an_evaluation_without_a_student_says_what_it_needs(container, tmp_path):
    assert container(evaluate, **SETTINGS) == 2
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("ValueError: the job has no hyperparameter student_artifact")


def test_a_log_is_judged_on_the_held_out_replies_that_it_has(container, logged, s3, artifact):
    settings = SETTINGS | {"teacher": {"kind": "logs"}, "teacher_max_records": None}
    judging = {"verifier": {"kind": "exact"}, "answer_marker": "####", "has_checker": True}
    # Of the checker no channel is there: no code of a user's runs where a gate's result is made.
    assert container(evaluate, {"student_artifact": artifact}, judging=judging, **settings) == 0
    result = read(s3, EvaluateResult)
    assert (result.teacher.successes, result.teacher.n) == (10, 20)
    assert (result.usd, result.completion_tokens) == (0.0, 0)
