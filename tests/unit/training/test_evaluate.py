"""Evaluation as SageMaker runs it, of an artifact as distillation leaves it."""

import tarfile

import pytest

from stratos.contracts.jobs import EvaluateResult
from tests.unit.training.jobs import BUCKET, STUDENT, TEACHER, read
from training import distill, evaluate


@pytest.fixture
def artifact(container, records, s3, tmp_path):
    """The URI of a student's model.tar.gz."""
    training = {"max_steps": 2, "batch_tokens": 400}
    settings = {"student": STUDENT, "method": "full", "precision": "float32"}
    assert container(distill, training=training, **settings) == 0
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


def test_an_evaluation_without_a_student_says_what_it_needs(container, tmp_path):
    assert container(evaluate, **SETTINGS) == 2
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("ValueError: the job has no hyperparameter student_artifact")
