"""Which objective a job's student learns from."""

import pytest

from stratos.contracts.jobs import DistillConfig
from stratos.contracts.messages import Message
from stratos.contracts.records import TrainingRecord
from stratos.errors import IncompatibleVocabulary
from stratos.planning.forecast import memory
from tests.unit.training.jobs import BASE, STUDENT, TEACHER
from tests.unit.training.tiny_models import make_local, save_model
from training.container.clock import JobClock
from training.container.paths import SageMakerPaths
from training.job.job import Job
from training.objectives.choose import choose_objective
from training.objectives.objective import GoldTokens
from training.objectives.sparse_teacher import SparseTeacher
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import encode
from training.student.student import Student

RECORD = TrainingRecord(
    id="1",
    messages=(Message(role="user", content="how?"),),
    completion="so #### 4",
    strategy="alignment",
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("teacher"), seed=1)


def chosen(source, teacher=TEACHER, **training):
    config = DistillConfig.model_validate(
        {
            **BASE,
            "student": STUDENT,
            "teacher": teacher,
            "method": "full",
            "precision": "float32",
            "training": training,
        }
    )
    paths = SageMakerPaths({"teacher": source}, source, source)
    job = Job(config, paths, storage=None, progress=None, clock=JobClock(60))
    student = Student(make_local(seed=2), "full", "float32", 4, 0)
    examples = encode([RECORD], student.local.chat, max_tokens=99)
    return choose_objective(job, student, [RECORD], examples, 99)


def test_without_a_weight_for_the_teacher_the_gold_tokens_are_learned(source):
    assert isinstance(chosen(source, kd_weight=0), GoldTokens)


def test_a_large_vocabulary_is_drawn_from_once_where_tokens_are_known_beforehand(
    source, monkeypatch
):
    assert isinstance(chosen(source, kd_weight=0.5), TeacherDistribution)
    monkeypatch.setattr(memory, "SPARSE_VOCABULARY", 10)
    assert isinstance(chosen(source, kd_weight=0.5), SparseTeacher)
    for other in ({"jsd_beta": 0.5}, {"on_policy_fraction": 0.5}):
        assert isinstance(chosen(source, kd_weight=0.5, **other), TeacherDistribution)


@pytest.mark.parametrize("teacher", [None, {"kind": "bedrock", "model_id": "some.model"}])
def test_a_teacher_whose_weights_are_not_at_hand_has_no_distribution(source, teacher):
    with pytest.raises(IncompatibleVocabulary, match=r"kd_weight is 0.5, which needs a teacher"):
        chosen(source, teacher=teacher, kd_weight=0.5)
