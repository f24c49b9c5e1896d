"""Tensors that are spread over processes (FSDP2), and whole ones."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel


def shard(module: nn.Module, blocks: Iterable[nn.Module]) -> None:
    """Spread a module's parameters over all processes; each block is gathered on its own.

    Gradients are summed over the processes, not averaged: losses are sums too.
    """
    for block in blocks:
        fully_shard(block)
    # The rest is released after the forward pass too: the head's gradient is already computed.
    fully_shard(module, reshard_after_forward=True)
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)


def local(tensor: Tensor) -> Tensor:
    """Return what this process holds of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """Put a spread tensor together; every process must ask for the same one."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def spread(tensor: Tensor, like: Tensor) -> Tensor:
    """Return this process's part of a tensor that every process holds whole."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(
        tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None
    )


def from_local(part: Tensor, like: Tensor) -> Tensor:
    """Return the spread tensor that processes hold parts of."""
    if not isinstance(like, DTensor):
        return part
    return DTensor.from_local(
        part.to(like.device),
        like.device_mesh,
        like.placements,
        shape=like.shape,
        stride=like.stride(),
    )


def gathered(tensors: dict[str, Tensor], *, keep: bool) -> dict[str, Tensor]:
    """Put spread tensors together in main memory, one after the other.

    Args:
        keep: False in a process that only hands over its parts.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        values = whole(tensor)
        if keep:
            found[name] = values.cpu()
    return found


class WritingCopy:
    """A plain copy of a model, which has weights only while it is used.

    A sharded model gathers each layer in every pass, so all processes must run it equally often.
    Completions end when they end: each process writes its own with a copy of the whole model.
    """

    def __init__(self, model: PreTrainedModel, dtype: torch.dtype) -> None:
        """Copy the modules of a model that is not sharded yet, and none of its weights.

        Args:
            dtype: What it computes in, and so what its weights are held in.
        """
        self._dtype = dtype
        empty = {
            id(p): nn.Parameter(torch.empty(0, dtype=p.dtype), requires_grad=False)
            for p in model.parameters()
        }
        self._model: PreTrainedModel = copy.deepcopy(model, memo=empty)

    @contextmanager
    def holding(self, model: PreTrainedModel) -> Iterator[PreTrainedModel]:
        """Lend the copy with the weights of the sharded model; all processes must ask for it."""
        # Buffers too belong where the shards are.
        self._model.to(model.device)
        copies = dict(self._model.named_parameters())
        for name, parameter in model.named_parameters():
            copies[name].data = whole(parameter.detach()).to(self._dtype)
        try:
            yield self._model
        finally:
            for parameter in copies.values():
                parameter.data = parameter.new_empty(0)


def put_together(module: nn.Module, *, keep: bool) -> None:
    """Turn a module's spread parameters into whole ones in this process's main memory.

    Args:
        keep: False in a process that only hands over its parts.
    """
    made: dict[nn.Parameter, nn.Parameter] = {}
    for owner in module.modules():
        for name, parameter in list(owner.named_parameters(recurse=False)):
            # A tied parameter has two owners and stays one.
            if parameter not in made:
                with torch.no_grad():
                    values = whole(parameter)
                made[parameter] = (
                    nn.Parameter(values.cpu(), requires_grad=parameter.requires_grad)
                    if keep
                    else parameter
                )
            owner.register_parameter(name, made[parameter])
