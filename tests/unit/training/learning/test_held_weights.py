"""What is held beside a student, and what its checkpoints keep."""

import pytest
import torch

from stratos.spec import Training
from tests.unit.training.processes import together
from tests.unit.training.tiny_models import make_local
from training.container.world import ALONE
from training.learning.checkpoints import Checkpoint, Checkpoints
from training.learning.held_weights import (
    checkpoint_tensors,
    put_back,
    restore,
    save,
    weights_now,
)
from training.learning.optimizer import Optimizers
from training.student.student import Student


def trained(steps, world=ALONE, method="lora"):
    """A student after so many steps, with its optimizers."""
    student = Student(make_local(vocabulary_size=60, seed=1), method, "float32", 4, 0)
    if world.size > 1:
        student.shard()
    optimizers = Optimizers(student.trained, Training(), 1e-2)
    for _ in range(steps):
        for parameter in student.trainable().values():
            parameter.grad = torch.ones_like(parameter)
        optimizers.step(1.0)
    return student, optimizers


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name in found:
        assert torch.equal(found[name], expected[name]), name


def test_weights_that_are_held_do_not_move_with_the_student_and_come_back():
    student, optimizers = trained(0)
    held = weights_now(student)
    before = {name: weight.clone() for name, weight in held.items()}
    for parameter in student.trainable().values():
        parameter.grad = torch.ones_like(parameter)
    optimizers.step(1.0)
    assert_same(held, before)
    assert not torch.equal(weights_now(student)[next(iter(held))], next(iter(held.values())))
    put_back(student, held)
    assert_same(weights_now(student), before)


def test_weights_of_which_one_is_missing_are_not_put_back():
    student, _ = trained(0)
    held = weights_now(student)
    del held[next(iter(held))]
    with pytest.raises(KeyError):
        put_back(student, held)


def save_with_a_best(world, folder):
    student, optimizers = trained(2, world, "full")
    best = {name: weight + 1 for name, weight in weights_now(student).items()}
    tensors = checkpoint_tensors(student, optimizers, {"best": best})
    save(Checkpoints(folder), Checkpoint(2, tensors, ""), world)


@pytest.mark.parametrize("size", [1, 2])
def test_a_checkpoint_holds_all_of_a_student_whoever_wrote_it(tmp_path, size):
    together(size, save_with_a_best, tmp_path)
    expected, steps = trained(2, method="full")
    student, optimizers = trained(0, method="full")
    found = Checkpoints(tmp_path).latest()
    best, reference = restore(student, optimizers, found, ["best", "reference"])
    now = weights_now(student)
    # Where a tensor is cut decides how its steps are rounded.
    torch.testing.assert_close(now, weights_now(expected))
    torch.testing.assert_close(best, {name: weight + 1 for name, weight in now.items()})
    assert reference == {}
    torch.testing.assert_close(optimizers.tensors(), steps.tensors())
