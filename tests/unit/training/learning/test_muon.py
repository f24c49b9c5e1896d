"""Our Muon against torch's, and what it costs not to be."""

import torch
from torch import nn
from torch.optim import Muon as TorchMuon

from training.learning.muon import Muon, orthogonalised

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SHAPES = [(8, 24), (24, 8), (8, 24), (16, 16), (1, 6)]


def parameters(seed=0):
    torch.manual_seed(seed)
    return [nn.Parameter(torch.randn(shape)) for shape in SHAPES]


def stepped(kind, steps=4, **settings):
    owned = parameters()
    optimizer = kind(owned, lr=0.02, **settings)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for parameter in owned:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return owned, optimizer


def test_it_takes_torchs_steps_but_for_bfloat16s_rounding():
    for settings in ({"weight_decay": 0.0}, {"weight_decay": 0.1, "nesterov": False}):
        ours, mine = stepped(Muon, **settings)
        theirs, peer = stepped(TorchMuon, **settings)
        for own, other, begun in zip(ours, theirs, parameters(), strict=True):
            moved = (other - begun).norm()
            assert moved > 0
            assert (own - other).norm() < 0.03 * moved
            state, known = mine.state[own], peer.state[other]
            assert torch.equal(state["momentum_buffer"], known["momentum_buffer"])


def test_singular_values_come_near_one():
    torch.manual_seed(2)
    for shape in ((3, 12, 30), (2, 30, 12)):
        values = torch.linalg.svdvals(orthogonalised(torch.randn(shape), COEFFICIENTS, 5, 1e-7))
        assert values.min() > 0.6
        assert values.max() < 1.3


def test_matrices_together_are_what_they_are_alone():
    torch.manual_seed(3)
    stack = torch.randn(4, 6, 10)
    together = orthogonalised(stack, COEFFICIENTS, 5, 1e-7)
    alone = [orthogonalised(matrix, COEFFICIENTS, 5, 1e-7) for matrix in stack]
    assert torch.allclose(together, torch.stack(alone), atol=1e-6)


def test_a_matrix_of_zeros_stays_where_it_is():
    parameter = nn.Parameter(torch.ones(3, 4))
    parameter.grad = torch.zeros(3, 4)
    Muon([parameter], lr=0.1, weight_decay=0.0).step()
    assert torch.equal(parameter, torch.ones(3, 4))


def test_parameters_without_a_gradient_are_left_alone():
    still, moved = nn.Parameter(torch.ones(3, 4)), nn.Parameter(torch.ones(3, 4))
    moved.grad = torch.rand(3, 4)
    Muon([still, moved], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(still, torch.ones(3, 4))
    assert not torch.equal(moved, torch.ones(3, 4))
