from dataclasses import replace

import pytest
import torch

from stratos.planning.forecast.memory import HEADROOM, TrainingMemory
from stratos.spec import Training
from tests.unit.training.tiny_models import make_local, make_model
from tests.unit.training.tiny_training import random_examples
from training.container.world import ALONE
from training.models.shape import shape_of
from training.objectives.objective import GoldTokens
from training.objectives.teacher_distribution import TeacherDistribution
from training.student import activations
from training.student.activations import checkpoint_activations
from training.student.batches import micro_batches
from training.student.student import Student


def make_student(method="full"):
    return Student(make_local(vocabulary_size=60, seed=1), method, "float32", lora_rank=4, seed=0)


def loss_and_gradients(student):
    """Also counts how often the first layer runs: twice where it is computed again."""
    calls = []
    student.model.model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    (batch,) = micro_batches(random_examples(6), 10_000)
    loss = student.loss(batch, GoldTokens().loss_of(batch))
    loss.backward()
    return loss, {name: p.grad for name, p in student.trainable().items()}, len(calls)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_computing_activations_again_changes_neither_loss_nor_gradients(method):
    loss, gradients, calls = loss_and_gradients(make_student(method))
    student = make_student(method)
    asked = Training(activation_checkpointing=True)
    assert checkpoint_activations(student, asked, 1_024, ALONE)
    again, gradients_again, calls_again = loss_and_gradients(student)
    assert (calls, calls_again) == (1, 2)
    torch.testing.assert_close(again, loss, rtol=0, atol=0)
    assert gradients.keys() == gradients_again.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradients_again[name], gradient, rtol=0, atol=0)


def needed_gib(student):
    """Of a job that keeps the activations of 1,024 tokens."""
    model = shape_of("student", student.model.config, student.num_parameters)
    return TrainingMemory(model, "full", 4.0, 1_024, 16, "cpu", checkpointed=False).gib


def give(monkeypatch, gib):
    """A machine in which so much fits, and no more."""
    monkeypatch.setattr(activations, "device_memory_gib", lambda: gib / (1 - HEADROOM))


def test_activations_are_kept_where_they_fit_and_computed_again_where_not(monkeypatch):
    auto, needed = Training(), needed_gib(make_student())
    give(monkeypatch, needed * 1.0001)
    assert not checkpoint_activations(make_student(), auto, 1_024, ALONE)
    give(monkeypatch, needed * 0.9999)
    assert checkpoint_activations(make_student(), auto, 1_024, ALONE)
    never = Training(activation_checkpointing=False)
    assert not checkpoint_activations(make_student(), never, 1_024, ALONE)


def test_the_teachers_weights_take_from_what_activations_may_have(monkeypatch):
    auto = Training()
    local = make_student().local
    deep = replace(local, model=make_model(60, num_hidden_layers=40))
    objective = TeacherDistribution(deep, Training(kd_weight=0.5), 60)
    assert objective.held_bytes == 4 * deep.num_parameters
    give(monkeypatch, needed_gib(make_student()) + objective.held_bytes / 2**31)
    assert not checkpoint_activations(make_student(), auto, 1_024, ALONE)
    assert checkpoint_activations(make_student(), auto, 1_024, ALONE, objective.held_bytes)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_student_that_was_checkpointed_keeps_its_configuration(wanted):
    student = make_student()
    before = student.model.config.to_dict()
    checkpoint_activations(student, Training(activation_checkpointing=wanted), 64, ALONE)
    assert student.model.config.to_dict() == before
