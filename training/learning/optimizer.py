"""Optimizers, and the learning rate over the planned steps."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from stratos.spec import Method, Training
from training.learning.muon import Muon
from training.student.sharding import spread

_SMALL = 10_000_000
_MEDIUM = 200_000_000
_WARM_UP_SHARE = 0.05
_MAX_WARM_UP_STEPS = 100
_MUON_ADAMW_RATIO = 0.1
"""Learning rate of what Muon leaves to AdamW, relative to Muon's."""


def default_learning_rate(training: Training, method: Method, num_parameters: int) -> float:
    """Return a peak learning rate that suits the student's size; our choice, from trials."""
    if method == "lora":
        return 1e-4 if num_parameters >= _SMALL else 2e-3
    if training.optimizer == "muon":
        return 0.02 if num_parameters < _MEDIUM else 5e-4
    if num_parameters < _SMALL:
        return 2e-3
    return 3e-4 if num_parameters < _MEDIUM else 1e-5


def learning_rate_factor(step: int, planned_steps: int) -> float:
    """Return the share of the peak rate at a step: linear warm-up, then linear to zero."""
    warm_up = min(_MAX_WARM_UP_STEPS, max(1, round(planned_steps * _WARM_UP_SHARE)))
    if step < warm_up:
        return (step + 1) / warm_up
    return max(0.0, (planned_steps - step) / max(1, planned_steps - warm_up))


class Optimizers:
    """One or two optimizers driven as one.

    Without weight decay: fine-tuning should not pull a student away from what it knows.
    """

    def __init__(self, model: nn.Module, training: Training, learning_rate: float) -> None:
        trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self._optimizers: list[Optimizer] = []
        self._rates: list[float] = []
        rest = trainable
        rate = learning_rate
        if training.optimizer == "muon":
            hidden = [p for name, p in trainable if _is_hidden_matrix(name, p)]
            rest = [(name, p) for name, p in trainable if not _is_hidden_matrix(name, p)]
            if hidden:
                self._add(Muon(hidden, lr=rate, weight_decay=0.0), rate)
            rate *= _MUON_ADAMW_RATIO
        if rest:
            parameters = [p for _, p in rest]
            adamw = AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
            self._add(adamw, rate)
        self.parameters = [p for _, p in trainable]

    def _add(self, optimizer: Optimizer, rate: float) -> None:
        self._optimizers.append(optimizer)
        self._rates.append(rate)

    def step(self, factor: float) -> None:
        """Update the weights at a share of the peak learning rate, and clear the gradients."""
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """Return the optimizers' state by a name that is stable across processes."""
        return {
            f"{which}.{number}.{key}": value
            for which, optimizer in enumerate(self._optimizers)
            for number, parameter in enumerate(_parameters(optimizer))
            for key, value in optimizer.state.get(parameter, {}).items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over a state that `tensors` returned for the same model."""
        for which, optimizer in enumerate(self._optimizers):
            for number, parameter in enumerate(_parameters(optimizer)):
                prefix = f"{which}.{number}."
                optimizer.state[parameter] = {
                    name.removeprefix(prefix): _placed(value, parameter)
                    for name, value in tensors.items()
                    if name.startswith(prefix)
                }


def _parameters(optimizer: Optimizer) -> Iterable[nn.Parameter]:
    return (parameter for group in optimizer.param_groups for parameter in group["params"])


def _placed(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """Put a value on its parameter's device, sharded like it if it has the same shape."""
    if value.shape == parameter.shape:
        value = spread(value, parameter)
    return value.to(parameter.device, copy=True)


def _is_hidden_matrix(name: str, parameter: nn.Parameter) -> bool:
    outer = ("embed" in name) or ("lm_head" in name)
    return parameter.ndim == 2 and not outer
