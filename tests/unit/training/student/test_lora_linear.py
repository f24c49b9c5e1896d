"""A linear layer with its LoRA adapter."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from training.student.lora_linear import LoraLinear


class _TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 12), nn.Linear(12, 8, bias=False)

    def forward(self, states):
        return self.second(torch.tanh(self.first(states)))


def _adapted(*, in_place, **settings):
    parts = {"target_modules": ["first", "second"]} | settings
    config = LoraConfig(r=4, lora_alpha=8, **parts)
    if in_place:
        config._register_custom_module({nn.Linear: LoraLinear})
    torch.manual_seed(0)
    model = get_peft_model(_TwoLayers(), config)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    return model


def _run(model, states, *, narrow):
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        found = model(states)
    found.float().square().sum().backward()
    return found, [p.grad for p in model.parameters() if p.requires_grad]


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("shape", [(2, 5, 8), (5, 8)])
def test_results_and_gradients_are_those_of_pefts_own_layer(shape, narrow):
    states = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    ours = _run(_adapted(in_place=True), states, narrow=narrow)
    theirs = _run(_adapted(in_place=False), states, narrow=narrow)
    allowed = 2e-2 if narrow else 1e-5
    for one, other in zip([ours[0], *ours[1]], [theirs[0], *theirs[1]], strict=True):
        assert one.dtype == other.dtype
        assert (one - other).norm() <= allowed * other.norm()


@pytest.mark.parametrize(
    "settings", [{"lora_bias": True, "target_modules": ["first"]}, {"lora_dropout": 0.5}]
)
def test_an_adapter_with_more_to_it_is_computed_by_peft(settings):
    states = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
    found = []
    for in_place in (True, False):
        model = _adapted(in_place=in_place, **settings)
        torch.manual_seed(2)  # of what is dropped
        found.append(_run(model, states, narrow=False)[0])
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_what_the_base_gives_is_used_again():
    layer = _adapted(in_place=True).base_model.model.second
    given = []
    layer.base_layer.register_forward_hook(lambda _layer, _inputs, output: given.append(output))
    assert layer(torch.ones(1, 3, 12)).data_ptr() == given[0].data_ptr()


def test_merged_weights_answer_as_the_adapter_does():
    model, states = _adapted(in_place=True), torch.ones(1, 3, 8)
    before = model(states)
    assert torch.allclose(model.merge_and_unload()(states), before, rtol=1e-4, atol=1e-4)


def test_a_disabled_adapter_adds_nothing():
    model, states = _adapted(in_place=True), torch.ones(1, 3, 8)
    with model.disable_adapter():
        plain = model(states)
    layers = model.base_model.model
    first, second = layers.first.base_layer, layers.second.base_layer
    assert torch.equal(plain, second(torch.tanh(first(states))))
