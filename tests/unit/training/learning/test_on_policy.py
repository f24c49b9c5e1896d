import pytest
import torch

from stratos.spec import Training
from tests.unit.training.processes import CURVE, together
from tests.unit.training.tiny_models import make_local
from tests.unit.training.tiny_training import (
    EVERY_STEP,
    EndsAfter,
    assert_same_bits,
    weights_of,
)
from training.container.clock import JobClock
from training.container.world import ALONE
from training.learning.checkpoints import Checkpoints
from training.learning.on_policy import OnPolicyPlan
from training.learning.optimizer import Optimizers
from training.learning.trainer import Trainer, TrainingSchedule
from training.models.decoder import body_states
from training.objectives.losses import cross_entropy, generalized_jsd
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import BatchPlan, TokenizedExample
from training.student.student import Student


def make_plan(student, fraction, world=ALONE, num_begun=0):
    examples = [
        TokenizedExample([8 + number, 9, 10, *([20 + number] * 9)], 3, num_begun)
        for number in range(24)
    ]
    training = Training(on_policy_fraction=fraction, kd_weight=1.0)
    plan = BatchPlan(examples, batch_tokens=100, micro_tokens=60, seed=0, processes=world.size)
    return OnPolicyPlan(plan, student, training, world)


def rows_of(batches):
    return [row.tolist() for batch in batches for row in batch.tokens]


def test_the_students_own_words_follow_the_given_prompts():
    student = Student(make_local(vocabulary_size=60, seed=1), "full", "float32", 4, 0)
    batches = make_plan(student, 1.0).step(0)
    assert not any(batch.gold for batch in batches)
    given = rows_of(make_plan(student, 0.0).step(0))
    written = rows_of(batches)
    assert sorted(row[:3] for row in written) == sorted(row[:3] for row in given)
    assert sorted(written) != sorted(given)
    assert all(len(row) <= 12 for row in written)


def test_where_a_call_is_required_the_student_writes_what_follows_its_beginning():
    student = Student(make_local(vocabulary_size=60, seed=1), "full", "float32", 4, 0)
    batches = make_plan(student, 1.0, num_begun=2).step(0)
    given = rows_of(make_plan(student, 0.0).step(0))
    assert sorted(row[:5] for row in rows_of(batches)) == sorted(row[:5] for row in given)
    assert all(len(row) <= 12 for row in rows_of(batches))
    for batch in batches:
        assert {int(predicts.nonzero().min()) for predicts in batch.predicts} == {4}


def test_samples_are_those_of_the_step_and_the_weights():
    student = Student(make_local(vocabulary_size=60, seed=1), "full", "float32", 4, 0)
    first = rows_of(make_plan(student, 1.0).step(2))
    assert rows_of(make_plan(student, 1.0).step(2)) == first
    assert rows_of(make_plan(student, 1.0).step(3)) != first
    other = Student(make_local(vocabulary_size=60, seed=2), "full", "float32", 4, 0)
    assert rows_of(make_plan(other, 1.0).step(2)) != first


def test_the_share_of_on_policy_steps_is_the_one_asked_for():
    student = Student(make_local(vocabulary_size=60, seed=1), "full", "float32", 4, 0)
    plan = make_plan(student, 0.3)
    assert sum(plan.is_on_policy(step) for step in range(2_000)) == pytest.approx(600, abs=70)


def test_gold_tokens_do_not_count_on_the_students_own_samples():
    student = Student(make_local(vocabulary_size=60, seed=1), "full", "float32", 4, 0)
    teacher = make_local(vocabulary_size=60, seed=2)
    objective = TeacherDistribution(teacher, Training(kd_weight=0.4), 60)
    batch = make_plan(student, 1.0).step(0)[0]
    with torch.no_grad():
        states = body_states(student.model, batch.tokens)[batch.predicts]
        ours = states @ student.model.lm_head.weight.T
        states = body_states(teacher.model, batch.tokens)[batch.predicts]
        theirs = states @ teacher.model.get_output_embeddings().weight.T
    loss = objective.loss_of(batch)(ours, slice(None))
    torch.testing.assert_close(loss, generalized_jsd(ours, theirs, beta=0.0))
    assert not torch.allclose(loss, cross_entropy(ours, batch.targets))


class Remembered:
    """Steps of a plan, with the samples that they had."""

    def __init__(self, plan):
        self._plan, self.seen = plan, {}

    def step(self, index):
        batches = self._plan.step(index)
        written = [
            tuple(row[part].tolist())
            for batch in batches
            for row, predicts in zip(batch.tokens, batch.predicts, strict=True)
            for part in [slice(0, int(predicts.nonzero().max()) + 2)]
        ]
        self.seen[index] = sorted(written)
        return batches


def train(folder=None, clock=None, planned=20, method="full", world=ALONE):
    student = Student(make_local(vocabulary_size=60, seed=1), method, "float32", 4, 0)
    if world.size > 1:
        student.shard()
    training = Training(kd_weight=1.0, jsd_beta=0.5)
    plan = Remembered(make_plan(student, 1.0, world))
    outcome = Trainer(
        student,
        plan,
        [],
        TeacherDistribution(make_local(vocabulary_size=60, seed=2), training, 60),
        Optimizers(student.trained, training, 1e-2),
        TrainingSchedule(planned, 1e-2, **EVERY_STEP),
        Checkpoints(folder) if folder is not None else None,
        clock or JobClock(1e9),
        lambda *_: None,
        world,
    ).run()
    return student, outcome, plan.seen


def losses_of(outcome):
    return [point.loss for point in outcome.state.curve]


def test_on_policy_training_approaches_the_teacher_and_resumes_bit_for_bit(tmp_path):
    whole, outcome, _ = train(tmp_path / "whole")
    losses = losses_of(outcome)
    assert losses[-1] < 0.7 * losses[0]
    train(tmp_path / "parts", EndsAfter(7))
    parts, resumed, _ = train(tmp_path / "parts")
    assert resumed.resumed_from_step == 7
    assert_same_bits(weights_of(whole), weights_of(parts))


def curve_of_one(world, method):
    _, outcome, seen = train(planned=10, method=method, world=world)
    return losses_of(outcome), outcome.state.tokens, seen


@pytest.mark.parametrize("method", ["full", "lora"])
def test_two_processes_write_the_samples_of_one_and_follow_its_curve(method):
    _, outcome, seen = train(planned=10, method=method)
    losses, tokens, samples = together(2, curve_of_one, method)
    assert samples == seen
    assert tokens == outcome.state.tokens
    torch.testing.assert_close(torch.tensor(losses), torch.tensor(losses_of(outcome)), **CURVE)


def one_of_two(world, folder, clock):
    asked = clock if world.rank == 1 else None
    student, outcome, seen = train(folder, asked, planned=8, world=world)
    student.put_together(keep=world.is_first)
    weights = weights_of(student) if world.is_first else {}
    return {name: one.tolist() for name, one in weights.items()}, losses_of(outcome), seen


def test_on_policy_steps_of_two_processes_resume_bit_for_bit(tmp_path):
    def run(folder, clock=None):
        return together(2, one_of_two, tmp_path / folder, clock)

    weights, losses, seen = run("whole")
    run("parts", EndsAfter(3))
    assert run("parts") == (weights, losses, {step: seen[step] for step in range(3, 8)})
