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
    return divergence(ours, theirs, beta) * temperature**2


def divergence(ours: Tensor, theirs: Tensor, beta: float) -> Tensor:
    """Return the generalized Jensen-Shannon divergence of log-probabilities, [tokens, outcomes]."""
    if beta == 0.0:
        return _kl(theirs, ours)
    if beta == 1.0:
        return _kl(ours, theirs)
    mixture = torch.logaddexp(ours + log1p(-beta), theirs + log(beta))
    return beta * _kl(theirs, mixture) + (1 - beta) * _kl(ours, mixture)


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


def token_log_probs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the log-probability of each token, [tokens], under logits [tokens, vocabulary]."""
    return -F.cross_entropy(_widened(logits), tokens, reduction="none")


def clipped_policy_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float
) -> Tensor:
    """Return the clipped surrogate of GRPO and PPO, to be minimised (arXiv 2402.03300, eq. 3).

    −min(r·A, clamp(r, 1−ε, 1+ε)·A) with the ratio r of the policy to the one that wrote the
    tokens. Where r = 1 its gradient is that of REINFORCE.

    Args:
        log_probs: Of the tokens written, under the policy in training, [tokens].
        old_log_probs: The same under the policy that wrote them, [tokens].
        advantages: [tokens].
        clip: ε.
    """
    ratio = (log_probs - old_log_probs).exp()
    clipped = ratio.clamp(1 - clip, 1 + clip)
    return -torch.minimum(ratio * advantages, clipped * advantages).sum()


def reference_penalty(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """Return an unbiased estimate of KL(policy ‖ reference) that is never negative.

    q/p − log(q/p) − 1 on the policy's own tokens (arXiv 2402.03300, eq. 4); [tokens] each.
    """
    log_ratio = reference_log_probs - log_probs
    return (log_ratio.exp() - log_ratio - 1).sum()


def _kl(one: Tensor, other: Tensor) -> Tensor:
    """KL of log-probabilities; tokens of probability zero contribute nothing."""
    return F.kl_div(other, one, reduction="sum", log_target=True)


def _widened(logits: Tensor) -> Tensor:
    """Half-precision logits as float32: a softmax over 150,000 of them needs the digits."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
