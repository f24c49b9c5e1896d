"""The loss alone at a vocabulary of 151,936: time and memory of forward and backward."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from training.chunked import projected_loss
from training.losses import cross_entropy, generalized_jsd

TOKENS, VOCABULARY, STUDENT_WIDTH, TEACHER_WIDTH = 384, 151_936, 128, 256
_PAGE = resource.getpagesize()

Measured = dict[str, float]
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def jsd_ours() -> Measured:
    return _measure(
        lambda hidden, head, states, teacher: projected_loss(
            hidden,
            head,
            lambda logits, rows: generalized_jsd(logits, states[rows] @ teacher.T, beta=0.5),
        )
    )


def jsd_dense() -> Measured:
    return _measure(
        lambda hidden, head, states, teacher: generalized_jsd(
            hidden @ head.T, states @ teacher.T, beta=0.5
        )
    )


def jsd_trl() -> Measured:
    from trl.experimental.gkd import (  # type: ignore[import-not-found,unused-ignore]
        GKDTrainer,
    )

    def loss(hidden: Tensor, head: Tensor, states: Tensor, teacher: Tensor) -> Tensor:
        found: Tensor = GKDTrainer.generalized_jsd_loss(
            (hidden @ head.T)[None], (states @ teacher.T)[None], beta=0.5, reduction="sum"
        )
        return found

    return _measure(loss)


def cross_entropy_ours() -> Measured:
    targets = torch.arange(TOKENS)
    return _measure(
        lambda hidden, head, *_: projected_loss(
            hidden, head, lambda logits, rows: cross_entropy(logits, targets[rows])
        )
    )


def cross_entropy_dense() -> Measured:
    targets = torch.arange(TOKENS)
    return _measure(lambda hidden, head, *_: cross_entropy(hidden @ head.T, targets))


def _measure(loss_of: Loss) -> Measured:
    torch.manual_seed(0)
    hidden = torch.randn(TOKENS, STUDENT_WIDTH, requires_grad=True)
    head = (torch.randn(VOCABULARY, STUDENT_WIDTH) * 0.1).requires_grad_()
    states, teacher = torch.randn(TOKENS, TEACHER_WIDTH), torch.randn(VOCABULARY, TEACHER_WIDTH)
    teacher *= 0.1
    cpu = time.process_time()
    with _peak_memory() as peak:
        loss = loss_of(hidden, head, states, teacher)
        loss.backward()  # type: ignore[no-untyped-call]
    return {
        "cpu_seconds": time.process_time() - cpu,
        "added_memory_mib": peak["mib"],
        "loss": float(loss.detach()) / TOKENS,
        "gradient_norm": float(head.grad.norm()) if head.grad is not None else 0.0,
    }


@contextmanager
def _peak_memory() -> Iterator[dict[str, float]]:
    """Resident memory above that at the start, sampled every millisecond."""
    peak = {"mib": 0.0}
    before, ended = _resident_mib(), threading.Event()

    def watch() -> None:
        while not ended.wait(0.001):
            peak["mib"] = max(peak["mib"], _resident_mib() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield peak
    ended.set()
    watcher.join()


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 2**20
