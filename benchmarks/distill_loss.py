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

from benchmarks.apart import Measured
from training.objectives.losses import cross_entropy, generalized_jsd
from training.student.chunked_loss import chunk_tokens, projected_loss

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TOKENS = 8_192 if DEVICE == "cuda" else 384
VOCABULARY = 151_936
STUDENT_WIDTH, TEACHER_WIDTH = (896, 2_048) if DEVICE == "cuda" else (128, 256)
_PAGE = resource.getpagesize()

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


def jsd_liger() -> Measured:
    """Liger's chunked loss, in chunks of as many tokens as ours; compiled on a GPU."""
    from liger_kernel.chunked_loss import (  # type: ignore[import-not-found,unused-ignore]
        LigerFusedLinearJSDLoss,
    )

    fused = LigerFusedLinearJSDLoss(
        weight_hard_loss=0.0,
        weight_soft_loss=1.0,
        beta=0.5,
        compiled=DEVICE == "cuda",
        chunk_size=chunk_tokens(DEVICE, VOCABULARY),
    )
    targets = torch.arange(TOKENS, device=DEVICE)

    def loss(hidden: Tensor, head: Tensor, states: Tensor, teacher: Tensor) -> Tensor:
        mean: Tensor = fused(hidden, head, states, teacher, targets)
        return mean * TOKENS

    return _measure(loss)


def cross_entropy_ours() -> Measured:
    targets = torch.arange(TOKENS, device=DEVICE)
    return _measure(
        lambda hidden, head, *_: projected_loss(
            hidden, head, lambda logits, rows: cross_entropy(logits, targets[rows])
        )
    )


def cross_entropy_dense() -> Measured:
    targets = torch.arange(TOKENS, device=DEVICE)
    return _measure(lambda hidden, head, *_: cross_entropy(hidden @ head.T, targets))


def _measure(loss_of: Loss) -> Measured:
    torch.manual_seed(0)
    torch.set_default_device(DEVICE)
    hidden = torch.randn(TOKENS, STUDENT_WIDTH)
    head = torch.randn(VOCABULARY, STUDENT_WIDTH) * 0.1
    states, teacher = torch.randn(TOKENS, TEACHER_WIDTH), torch.randn(VOCABULARY, TEACHER_WIDTH)
    return measure_loss(loss_of, hidden, head, states, teacher * 0.1)


def measure_loss(
    loss_of: Loss, hidden: Tensor, head: Tensor, states: Tensor, teacher: Tensor
) -> Measured:
    """Time and memory of a loss, forward and backward.

    Args:
        hidden: The student's, [tokens, its width].
        head: The student's, [vocabulary, its width].
        states: The teacher's, as `hidden`.
        teacher: The teacher's head.
    """
    hidden.requires_grad_(), head.requires_grad_()
    if DEVICE == "cuda":
        # Kernels are compiled and chosen in the first run.
        loss_of(hidden, head, states, teacher).backward()  # type: ignore[no-untyped-call]
        hidden.grad = head.grad = None
    started = _now()
    with _peak_memory() as peak:
        loss = loss_of(hidden, head, states, teacher)
        loss.backward()  # type: ignore[no-untyped-call]
        seconds = _now() - started
    return {
        "seconds": seconds,
        "added_memory_mib": peak["mib"],
        "loss": float(loss.detach()) / len(hidden),
        "gradient_norm": float(head.grad.norm()) if head.grad is not None else 0.0,
    }


def _now() -> float:
    """CPU seconds of this process; on a GPU wall-clock, once it has done what it was told."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


@contextmanager
def _peak_memory() -> Iterator[dict[str, float]]:
    """Memory above that at the start: allocated on a GPU, else resident, sampled."""
    peak = {"mib": 0.0}
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
        allocated = torch.cuda.memory_allocated()
        yield peak
        peak["mib"] = (torch.cuda.max_memory_allocated() - allocated) / 2**20
        return
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
