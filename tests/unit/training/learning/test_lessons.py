"""The records as a student learns them."""

from math import ceil

import pytest

from stratos.contracts.jobs import DistillConfig
from stratos.contracts.records import TrainingRecord, read_jsonl
from tests.unit.training.jobs import BASE, STUDENT
from tests.unit.training.tiny_models import make_local
from tests.unit.training.tiny_records import write_training_records
from training.container.clock import JobClock
from training.container.paths import SageMakerPaths
from training.container.world import ALONE
from training.job.job import Job
from training.learning.lessons import prepare
from training.student.student import Student


@pytest.fixture
def records(tmp_path):
    write_training_records(tmp_path / "records.jsonl")
    return list(read_jsonl(tmp_path / "records.jsonl", TrainingRecord))


def prepared(folder, records, **training):
    settings = {"student": STUDENT, "method": "full", "precision": "float32", "training": training}
    config = DistillConfig.model_validate(BASE | settings)
    paths = SageMakerPaths({}, folder, folder)
    job = Job(config, paths, storage=None, progress=None, clock=JobClock(60))
    student = Student(make_local(max_position_embeddings=64), "full", "float32", 4, 0)
    return prepare(job, ALONE, student, records)


def test_a_twentieth_of_the_records_is_set_aside_and_the_others_are_in_the_batches(
    tmp_path, records
):
    lessons = prepared(tmp_path, records, batch_tokens=400)
    assert (len(lessons.examples), len(lessons.validation)) == (40, 2)
    steps = range(lessons.plan.steps_per_epoch)
    learned = [example for step in steps for example in lessons.plan.examples(step)]
    assert len(learned) == 38
    assert all(example in learned or example in lessons.validation for example in lessons.examples)
    assert lessons.max_tokens == 64  # the student has no more positions


def test_epochs_tell_the_steps_unless_the_steps_are_told(tmp_path, records):
    told = {"batch_tokens": 200, "max_sequence_tokens": 50}
    lessons = prepared(tmp_path, records, epochs=2.5, **told)
    assert lessons.plan.steps_per_epoch > 1
    assert lessons.planned_steps == ceil(2.5 * lessons.plan.steps_per_epoch)
    assert lessons.max_tokens == 50
    assert prepared(tmp_path, records, epochs=2.5, max_steps=3, **told).planned_steps == 3
