"""Losses as pure functions of logits, in nats, summed over tokens.

Sums, not means: micro-batches of one step add up, and the step divides by its number of targets.
"""

from __future__ import annotations

from math import log, log1p

import torch
import torch.nn.functional as F  # noqa: N812  (the field's name for it)
from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-likelihood of the targets.

    Args:
        logits: [tokens, vocabulary].
        targets: [tokens].
    """
    return F.cross_entropy(_widened(logits), targets, reduction="sum")


def forward_kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Return KL(teacher ‖ student) of logits, [tokens, vocabulary] each: covers every mode."""
    return generalized_jsd(student, teacher, beta=0.0, temperature=temperature)


def reverse_kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Return KL(student ‖ teacher) of logits, [tokens, vocabulary] each: seeks a mode."""
    return generalized_jsd(student, teacher, beta=1.0, temperature=temperature)


def generalized_jsd(
    student: Tensor, teacher: Tensor, *, beta: float, temperature: float = 1.0
) -> Tensor:
    """Return the generalized Jensen-Shannon divergence (Agarwal et al., arXiv 2306.13649, eq. 1).

    β·KL(teacher ‖ m) + (1−β)·KL(student ‖ m) with m = β·teacher + (1−β)·student. It vanishes as β
    goes to 0 or 1, where its direction is that of forward and of reverse KL: those are what
    β = 0 and β = 1 mean here. Scaled by temperature², so that the gradient keeps its size
    (Hinton et al., arXiv 1503.02531).

    Args:
        student: Logits, [tokens, vocabulary].
        teacher: Logits, [tokens, vocabulary].
    """
    ours = F.log_softmax(_widened(student) / temperature, -1)
    theirs = F.log_softmax(_widened(teacher) / temperature, -1)
    if beta == 0.0:
        divergence = _kl(theirs, ours)
    elif beta == 1.0:
        divergence = _kl(ours, theirs)
    else:
        mixture = torch.logaddexp(ours + log1p(-beta), theirs + log(beta))
        divergence = beta * _kl(theirs, mixture) + (1 - beta) * _kl(ours, mixture)
    return divergence * temperature**2


def top_k_kl(
    student: Tensor, indices: Tensor, log_probs: Tensor, temperature: float = 1.0
) -> Tensor:
    """Return KL(teacher ‖ student) over the teacher's top-k tokens and one bucket for the rest.

    The bucket keeps the student from moving its mass out of sight; the divergence is a lower bound
    of the full one, and equal to it for k = vocabulary.

    Args:
        student: Logits, [tokens, vocabulary].
        indices: The teacher's k most probable tokens, [tokens, k].
        log_probs: Their log-probabilities at the same temperature, [tokens, k].
    """
    ours = F.log_softmax(_widened(student) / temperature, -1).gather(-1, indices)
    theirs = log_probs.to(ours.dtype)
    kl = _kl(theirs, ours)
    tail_theirs, tail_ours = _log_remainder(theirs), _log_remainder(ours)
    return (kl + (tail_theirs.exp() * (tail_theirs - tail_ours)).sum()) * temperature**2


def sampled_cross_entropy(
    student: Tensor, indices: Tensor, weights: Tensor, temperature: float = 1.0
) -> Tensor:
    """Return the cross-entropy against tokens drawn from the teacher (arXiv 2503.16870).

    Its expectation over the draws is the cross-entropy against the whole distribution: unbiased,
    where top-k is not. It exceeds forward KL by the teacher's entropy, a constant.

    Args:
        student: Logits, [tokens, vocabulary].
        indices: Tokens drawn, [tokens, draws].
        weights: The share of the draws that each stands for, [tokens, draws]; a row sums to 1.
    """
    ours = F.log_softmax(_widened(student) / temperature, -1).gather(-1, indices)
    return -(weights.to(ours.dtype) * ours).sum() * temperature**2


def _kl(one: Tensor, other: Tensor) -> Tensor:
    """KL of log-probabilities; tokens of probability zero contribute nothing."""
    return F.kl_div(other, one, reduction="sum", log_target=True)


def _log_remainder(log_probs: Tensor) -> Tensor:
    """log(1 − Σp), kept finite where nothing remains."""
    rest = -torch.expm1(torch.logsumexp(log_probs, -1))
    return rest.clamp_min(torch.finfo(rest.dtype).tiny ** 0.5).log()


def _widened(logits: Tensor) -> Tensor:
    """Half-precision logits as float32: a softmax over 150,000 of them needs the digits."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
