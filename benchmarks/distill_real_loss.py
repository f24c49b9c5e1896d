"""The loss alone on the hidden states that real models have of real text: JSD, β = 0.5."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.apart import Measured
from benchmarks.distill_loss import Loss, measure_loss
from benchmarks.distill_real_data import disturb, draw_steps, load_teacher
from training.models.decoder import body_states
from training.objectives.losses import generalized_jsd
from training.student.chunked_loss import chunk_tokens, projected_loss

BETA = 0.5


def loss_ours() -> Measured:
    return _measure(
        lambda hidden, head, states, teacher: projected_loss(
            hidden,
            head,
            lambda logits, rows: generalized_jsd(logits, states[rows] @ teacher.T, beta=BETA),
        )
    )


def loss_dense() -> Measured:
    return _measure(
        lambda hidden, head, states, teacher: generalized_jsd(
            hidden @ head.T, states @ teacher.T, beta=BETA
        )
    )


def loss_trl() -> Measured:
    """What TRL's stable DistillationTrainer computes its loss by."""
    from trl.kernels.chunked_divergence import (  # type: ignore[import-not-found,unused-ignore]
        ChunkedDivergenceFunction,
    )

    def loss(hidden: Tensor, head: Tensor, states: Tensor, teacher: Tensor) -> Tensor:
        found: Tensor = ChunkedDivergenceFunction.apply(
            hidden, head, None, states, teacher, None, BETA
        )[0]
        return found.sum()

    return _measure(loss)


def loss_gkd_trl() -> Measured:
    """What TRL's experimental GKD trainer computes its loss by."""
    from trl.experimental.gkd import (  # type: ignore[import-not-found,unused-ignore]
        GKDTrainer,
    )

    def loss(hidden: Tensor, head: Tensor, states: Tensor, teacher: Tensor) -> Tensor:
        found: Tensor = GKDTrainer.generalized_jsd_loss(
            (hidden @ head.T)[None], (states @ teacher.T)[None], beta=BETA, reduction="sum"
        )
        return found

    return _measure(loss)


def loss_liger() -> Measured:
    from liger_kernel.chunked_loss import (  # type: ignore[import-not-found,unused-ignore]
        LigerFusedLinearJSDLoss,
    )

    def loss(hidden: Tensor, head: Tensor, states: Tensor, teacher: Tensor) -> Tensor:
        fused = LigerFusedLinearJSDLoss(
            weight_hard_loss=0.0,
            weight_soft_loss=1.0,
            beta=BETA,
            compiled=False,
            chunk_size=chunk_tokens("cpu", len(head)),
        )
        mean: Tensor = fused(hidden, head, states, teacher, torch.arange(len(hidden)))
        return mean * len(hidden)

    return _measure(loss)


@torch.no_grad()
def _states() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hidden states and heads of a student and its teacher on the tokens of one step."""
    tokens = torch.tensor([record.tokens for record in draw_steps()[0]])
    teacher, student = load_teacher().model, load_teacher().model
    disturb(student)
    theirs, ours = (body_states(model, tokens).flatten(0, 1) for model in (teacher, student))
    heads = [model.get_output_embeddings().weight for model in (student, teacher)]
    return ours, heads[0].detach().clone(), theirs, heads[1].detach()


def _measure(loss_of: Loss) -> Measured:
    hidden, head, states, teacher = _states()
    return measure_loss(loss_of, hidden, head, states, teacher)
