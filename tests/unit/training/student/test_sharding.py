"""Two processes on one CPU train as one does: torchrun's variables, Gloo, FSDP2."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.unit.training import processes
from tests.unit.training.processes import CURVE
from tests.unit.training.tiny_models import make_local, make_model
from tests.unit.training.tiny_training import EndsAfter, train, weights_of
from training.student.sharding import local
from training.student.student import Student

MUON = {"rtol": 2e-2, "atol": 2e-3}
"""Muon orthogonalises in bfloat16, where a rounded sum is three digits wide."""


def together(folder, size, **settings):
    """Train in `size` processes; return the first one's weights and outcome."""
    outcome = processes.together(size, one_of_them, folder, settings)
    return load_file(folder / "weights.safetensors"), outcome


def one_of_them(world, folder, settings):
    # One process alone is asked to end: the others must follow it in the same step.
    last = world.rank == world.size - 1
    asked = settings | {"clock": settings.get("clock") if last else None}
    student, outcome = train(folder, world=world, **asked)
    student.put_together(keep=world.is_first)
    if world.is_first:
        save_file(weights_of(student), folder / "weights.safetensors")
    return outcome


def losses_of(outcome):
    return torch.tensor([point.loss for point in outcome.state.curve])


def assert_close(one, other, **tolerance):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], **tolerance)


@pytest.mark.parametrize(
    ("optimizer", "method", "tolerance"),
    [("adamw", "full", CURVE), ("adamw", "lora", CURVE), ("muon", "full", MUON)],
)
def test_two_processes_follow_the_loss_curve_of_one(tmp_path, optimizer, method, tolerance):
    settings = {"optimizer": optimizer, "method": method, "planned": 16}
    _, alone = train(**settings)
    _, outcome = together(tmp_path, 2, **settings)
    assert outcome.state.tokens == alone.state.tokens
    torch.testing.assert_close(losses_of(outcome), losses_of(alone), **tolerance)
    assert outcome.state.best_validation_loss == pytest.approx(
        alone.state.best_validation_loss, rel=tolerance["rtol"], abs=tolerance["atol"]
    )


def test_two_processes_train_a_head_of_its_own_where_one_has_fewer_batches(tmp_path):
    def untied():
        return make_model(60, seed=1, tie_word_embeddings=False)

    weights = weights_of(train(planned=4, model=untied())[0])
    found, _ = together(tmp_path, 2, planned=4, model=untied())
    assert "lm_head.weight" in found
    assert_close(found, weights, **CURVE)


def test_what_two_processes_began_one_finishes_and_the_other_way_round(tmp_path):
    settings = {"planned": 16}
    _, never = train(**settings)
    for first, second in ((2, 1), (1, 2)):
        folder = tmp_path / f"{first}-{second}"
        folder.mkdir()
        _, stopped = together(folder, first, clock=EndsAfter(7), **settings)
        assert (stopped.stopped_by, stopped.state.step) == ("sigterm", 7)
        _, resumed = together(folder, second, **settings)
        assert resumed.resumed_from_step == 7
        torch.testing.assert_close(losses_of(resumed), losses_of(never), **CURVE)


def test_stopped_and_resumed_in_two_processes_equals_never_stopped(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir(), parts.mkdir()
    weights, _ = together(whole, 2, planned=12)
    together(parts, 2, planned=12, clock=EndsAfter(5))
    resumed, outcome = together(parts, 2, planned=12)
    assert outcome.resumed_from_step == 5
    assert_close(weights, resumed, rtol=0, atol=0)


def writing_copy(world):
    """The types of the copy's parameters, and whether it computes numbers."""
    student = Student(make_local(vocabulary_size=60, seed=1), "full", "bfloat16", 4, 0)
    student.shard()
    with student.writing() as model, torch.no_grad():
        logits = model(torch.tensor([[9, 10, 11]])).logits
        return [str(p.dtype) for p in model.parameters()], bool(logits.isfinite().all())


def test_a_copy_that_writes_is_held_in_the_precision_that_the_student_computes_in():
    dtypes, finite = processes.together(2, writing_copy)
    assert set(dtypes) == {"torch.bfloat16"}
    assert finite


def make_writer(method):
    return Student(make_local(vocabulary_size=60, seed=1), method, "float32", 4, 0)


def logits_of(student, rank=0):
    with student.writing() as model, torch.no_grad():
        # The processes do not run it equally often.
        return [model(torch.tensor([[9, 10, 11]])).logits for _ in range(rank + 1)][-1]


def logits_before_and_after_a_change(world, method):
    student = make_writer(method)
    student.shard()
    before = logits_of(student, world.rank)
    with torch.no_grad():
        for parameter in student.trainable().values():
            local(parameter).add_(0.1)
    return [before.tolist(), logits_of(student).tolist()]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_sharded_student_writes_with_a_whole_copy_as_often_as_it_likes(method):
    alone = make_writer(method)
    expected = [logits_of(alone).tolist()]
    with torch.no_grad():
        for parameter in alone.trainable().values():
            parameter.add_(0.1)
    expected.append(logits_of(alone).tolist())
    assert expected[0] != expected[1]
    found = processes.together(2, logits_before_and_after_a_change, method)
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-6, atol=1e-6)
