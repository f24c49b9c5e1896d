import os
import random
import signal

import pytest
import torch

from stratos.errors import DivergedTraining
from tests.unit.training.processes import SERVER
from tests.unit.training.tiny_models import make_model
from tests.unit.training.tiny_training import (
    EndsAfter,
    assert_same_bits,
    learnable_examples,
    train,
    weights_of,
)
from training.container.clock import JobClock
from training.models.decoder import body_states
from training.student.batches import micro_batches


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


def train_and_tell(folder, planned, told):
    torch.set_num_threads(1)
    train(folder, planned=planned, optimizer="muon", on_step=lambda *_: told.send_bytes(b"."))


def test_killed_twenty_times_equals_never_killed(tmp_path):
    """SIGKILL lands anywhere: in a step, in a checkpoint being written, in its rename."""
    planned, kills = 160, 20
    whole, _ = train(planned=planned, optimizer="muon")
    rng = random.Random(0)
    for _ in range(kills):
        reading, writing = SERVER.Pipe(duplex=False)
        process = SERVER.Process(target=train_and_tell, args=(tmp_path, planned, writing))
        process.start()
        writing.close()
        for _ in range(rng.randint(1, 7)):
            assert reading.recv_bytes() == b"."
        # A spin of random length moves the kill within the step or the checkpoint.
        for _ in range(rng.randint(0, 200_000)):
            pass
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        reading.close()
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
    batches = micro_batches(learnable_examples()[:4], 100)
    with torch.no_grad():
        total = sum(
            torch.nn.functional.cross_entropy(
                body_states(student.model, b.tokens)[b.predicts] @ student.model.lm_head.weight.T,
                b.targets,
                reduction="sum",
            )
            for b in batches
        )
    mean = float(total) / sum(len(batch.targets) for batch in batches)
    assert mean == pytest.approx(min(losses), rel=1e-5)


def test_a_loss_that_is_no_number_is_named():
    with pytest.raises(DivergedTraining, match=r"lower training\.learning_rate"):
        train(rate=1e30)


def test_weights_that_give_no_numbers_are_named_before_training():
    model = make_model(60)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"logits that are no numbers"):
        train(model=model)
