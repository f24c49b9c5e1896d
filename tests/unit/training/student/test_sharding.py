"""Two processes on one CPU train as one does: torchrun's variables, Gloo, FSDP2."""

import multiprocessing
import os
import socket

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.unit.training.tiny_models import make_model
from tests.unit.training.tiny_training import EndsAfter, train, weights_of
from training.container.world import World

FORK = multiprocessing.get_context("fork")


CURVE = {"rtol": 2e-4, "atol": 1e-5}
"""Sums over two processes are rounded in another order, and every step passes that on."""


MUON = {"rtol": 2e-2, "atol": 2e-3}
"""Muon orthogonalises in bfloat16, where a rounded sum is three digits wide."""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def together(folder, size, **settings):
    """Train in `size` processes; return the first one's weights and outcome."""
    port = free_port()

    def run(rank, sending):
        torch.set_num_threads(1)
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
        world = World.from_environment()
        clock = settings.pop("clock", None)
        # One process alone is asked to end: the others must follow it in the same step.
        clock = clock if rank == size - 1 else None
        with world.joined():
            student, outcome = train(folder, world=world, clock=clock, **settings)
            student.put_together(keep=world.is_first)
            if world.is_first:
                save_file(weights_of(student), folder / "weights.safetensors")
                sending.send(outcome)

    receiving, sending = FORK.Pipe(duplex=False)
    processes = [FORK.Process(target=run, args=(rank, sending)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * size
    return load_file(folder / "weights.safetensors"), receiving.recv()


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
