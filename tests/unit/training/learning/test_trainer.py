import multiprocessing
import os
import random
import signal

import pytest
import torch

from stratos.errors import DivergedTraining
from stratos.spec import Training
from tests.unit.training.tiny_models import make_model, make_tokenizer
from training.container.clock import JobClock
from training.container.world import ALONE
from training.learning.checkpoints import Checkpoints
from training.learning.optimizer import Optimizers, learning_rate_factor
from training.learning.trainer import Trainer, TrainingSchedule
from training.models.chat import ChatFormat
from training.models.weights import LocalModel
from training.objectives.objective import GoldTokens
from training.student.batches import BatchPlan, TokenizedExample, micro_batches
from training.student.student import Student

EVERY_STEP = {"min_checkpoint_seconds": 0.0, "checkpoint_cost_share": float("inf")}


def make_examples(count=60):
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(6, 20, (count,), generator=generator).tolist()
    return [TokenizedExample([8 + n % 5 for n in range(length)], 2) for length in lengths]


class EndsAfter(JobClock):
    """Says that SIGTERM came once a number of steps has been asked about."""

    def __init__(self, steps):
        super().__init__(deadline_seconds=1e9)
        self._left = steps

    def must_end(self, reserve_seconds=0.0):
        self._left -= 1
        return "sigterm" if self._left < 0 else super().must_end(reserve_seconds)


def train(
    folder=None,
    *,
    planned=24,
    optimizer="adamw",
    method="full",
    clock=None,
    rate=1e-2,
    on_step=lambda *_: None,
    model=None,
    world=ALONE,
):
    tokenizer = make_tokenizer()
    model = model or make_model(60, seed=1)
    local = LocalModel("tiny", model, tokenizer, ChatFormat(tokenizer))
    student = Student(local, method, "float32", lora_rank=4, seed=0)
    if world.size > 1:
        student.shard()
    examples = make_examples()
    outcome = Trainer(
        student,
        BatchPlan(examples[4:], batch_tokens=200, micro_tokens=100, seed=0),
        micro_batches(examples[:4], 100),
        GoldTokens(),
        Optimizers(student.trained, Training(optimizer=optimizer), rate),
        TrainingSchedule(planned, rate, **EVERY_STEP),
        Checkpoints(folder) if folder is not None else None,
        clock or JobClock(1e9),
        on_step,
        world,
    ).run()
    return student, outcome


def weights_of(student):
    return {name: parameter.detach().clone() for name, parameter in student.trainable().items()}


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_training_learns(optimizer):
    _, outcome = train(optimizer=optimizer)
    curve = outcome.state.curve
    assert outcome.stopped_by == "finished"
    assert outcome.state.step == 24
    assert curve[-1].loss < 0.2 * curve[0].loss
    assert outcome.state.tokens == curve[-1].tokens > 0


@pytest.mark.parametrize(
    ("optimizer", "method"), [("adamw", "full"), ("muon", "full"), ("adamw", "lora")]
)
def test_stopped_and_resumed_equals_never_stopped(tmp_path, optimizer, method):
    settings = {"optimizer": optimizer, "method": method}
    whole, never = train(tmp_path / "whole", **settings)
    _, stopped = train(tmp_path / "parts", clock=EndsAfter(9), **settings)
    assert (stopped.stopped_by, stopped.state.step) == ("sigterm", 9)
    parts, resumed = train(tmp_path / "parts", **settings)
    assert resumed.resumed_from_step == 9
    assert_same_bits(weights_of(whole), weights_of(parts))
    assert [point.loss for point in resumed.state.curve] == [
        point.loss for point in never.state.curve
    ]
    assert resumed.state.best_validation_loss == never.state.best_validation_loss


def test_killed_twenty_times_equals_never_killed(tmp_path):
    """SIGKILL lands anywhere: in a step, in a checkpoint being written, in its rename."""
    planned, kills = 160, 20
    whole, _ = train(planned=planned, optimizer="muon")
    rng = random.Random(0)
    context = multiprocessing.get_context("fork")
    for _ in range(kills):
        reading, writing = os.pipe()

        def child(writing=writing):
            torch.set_num_threads(1)
            tell = lambda *_: os.write(writing, b".")  # noqa: E731
            train(tmp_path, planned=planned, optimizer="muon", on_step=tell)

        process = context.Process(target=child)
        process.start()
        os.close(writing)
        for _ in range(rng.randint(1, 7)):
            assert os.read(reading, 1) == b"."
        # A spin of random length moves the kill within the step or the checkpoint.
        for _ in range(rng.randint(0, 200_000)):
            pass
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        os.close(reading)
        assert process.exitcode == -signal.SIGKILL
    parts, outcome = train(tmp_path, planned=planned, optimizer="muon")
    assert outcome.resumed_from_step is not None
    assert outcome.state.step == planned
    assert_same_bits(weights_of(whole), weights_of(parts))


def test_the_deadline_ends_training_with_the_best_weights(tmp_path):
    student, outcome = train(tmp_path, clock=JobClock(deadline_seconds=0.0))
    assert (outcome.stopped_by, outcome.state.step) == ("deadline", 0)
    untouched = make_model(60, seed=1)
    assert_same_bits(weights_of(student), dict(untouched.named_parameters()))


def test_the_weights_of_the_lowest_validation_loss_are_kept():
    """The rate is so high that the loss first falls and then explodes."""
    student, outcome = train(planned=40, rate=0.3)
    losses = [p.validation_loss for p in outcome.state.curve if p.validation_loss is not None]
    assert outcome.state.best_validation_loss == min(losses)
    batches = micro_batches(make_examples()[:4], 100)
    with torch.no_grad():
        total = sum(
            torch.nn.functional.cross_entropy(
                student.hidden_states(b.tokens)[b.predicts] @ student.head_weight.T,
                b.targets,
                reduction="sum",
            )
            for b in batches
        )
    mean = float(total) / sum(len(batch.targets) for batch in batches)
    assert mean == pytest.approx(min(losses), rel=1e-5)


def test_a_loss_that_is_no_number_is_named():
    model = make_model(60)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = float("nan")
    with pytest.raises(DivergedTraining, match=r"lower training\.learning_rate"):
        train(model=model)


def test_lora_trains_the_adapter_alone():
    student, _ = train(method="lora", planned=4)
    assert student.num_trainable_parameters < student.num_parameters
    assert all("lora_" in name for name in student.trainable())
    base = dict(make_model(60, seed=1).named_parameters())
    frozen = {n: p for n, p in student.model.named_parameters() if not p.requires_grad}
    for name, parameter in frozen.items():
        assert torch.equal(parameter, base[name.replace(".base_layer", "")])


def test_the_learning_rate_warms_up_and_falls_to_zero():
    factors = [learning_rate_factor(step, 100) for step in range(101)]
    assert factors[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert factors[5:] == sorted(factors[5:], reverse=True)
    assert factors[100] == 0.0
    assert learning_rate_factor(0, 1) == 1.0
