"""Distillation from an online teacher: this engine, a plain loop, and TRL's GKD trainer.

Same models, batches, optimizer and divergence (forward KL on the completion); one thread each.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchmarks.distill_data import LEARNING_RATE, STUDENT, TEACHER, draw_batches, make_model
from training.models.decoder import body_states
from training.objectives.losses import generalized_jsd
from training.student.batches import TokenizedExample, micro_batches
from training.student.chunked_loss import projected_loss

Measured = dict[str, float]


def train_ours() -> Measured:
    """Length-sorted micro-batches without masks; only what carries loss is projected."""
    return _train(packed=False)


def train_packed() -> Measured:
    """The same with several examples in a row, kept apart by a block mask."""
    return _train(packed=True)


def _train(*, packed: bool) -> Measured:
    student, teacher = make_model(STUDENT, 0), make_model(TEACHER, 1).eval()
    optimizer = _optimizer(student)

    def step(examples: list[TokenizedExample]) -> float:
        batches = micro_batches(examples, 1_024, packed=packed)
        count = sum(len(batch.targets) for batch in batches)
        total = 0.0
        for batch in batches:
            with torch.no_grad():
                states = body_states(teacher, batch.tokens, batch.positions)[batch.predicts]

            def loss_of(logits: Tensor, rows: slice, states: Tensor = states) -> Tensor:
                with torch.no_grad():
                    theirs = states[rows] @ teacher.lm_head.weight.T
                return generalized_jsd(logits, theirs, beta=0.0)

            hidden = body_states(student, batch.tokens, batch.positions)[batch.predicts]
            loss = projected_loss(hidden, student.lm_head.weight, loss_of)
            (loss / count).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return total / count

    return _run(step)


def train_plain() -> Measured:
    """What a first script does: pad the batch, mask it, project every position."""
    student, teacher = make_model(STUDENT, 0), make_model(TEACHER, 1).eval()
    optimizer = _optimizer(student)

    def step(examples: list[TokenizedExample]) -> float:
        batch = collate([vars(example) for example in examples])
        labels = batch.pop("labels")[:, 1:]
        with torch.no_grad():
            theirs = teacher(**batch).logits[:, :-1]
        ours = student(**batch).logits[:, :-1]
        kept = labels != -100
        divergence = torch.nn.functional.kl_div(
            ours.log_softmax(-1), theirs.log_softmax(-1), reduction="none", log_target=True
        ).sum(-1)
        loss = divergence[kept].mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    return _run(step)


def train_trl() -> Measured:
    """TRL's GKD trainer, off-policy, on the same token ids in the same order."""
    import pyarrow  # type: ignore[import-not-found,unused-ignore]
    from datasets import Dataset  # type: ignore[import-not-found,unused-ignore]
    from trl.experimental.gkd import (  # type: ignore[import-not-found,unused-ignore]
        GKDConfig,
        GKDTrainer,
    )

    from tests.unit.training.tiny_models import make_tokenizer

    batches = draw_batches()
    rows = [vars(example) for batch in batches for example in batch]
    student = make_model(STUDENT, 0)
    optimizer = _optimizer(student)
    with tempfile.TemporaryDirectory() as folder:
        settings = GKDConfig(
            output_dir=folder,
            per_device_train_batch_size=len(batches[0]),
            max_steps=len(batches),
            lmbda=0.0,
            beta=0.0,
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            disable_tqdm=True,
            max_grad_norm=1.0,
        )
        trainer = GKDTrainer(
            model=student,
            teacher_model=make_model(TEACHER, 1),
            args=settings,
            data_collator=collate,
            train_dataset=Dataset(pyarrow.Table.from_pylist(rows), fingerprint="batches"),
            processing_class=make_tokenizer(),
            optimizers=(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)),
        )
        with _counted() as spent:
            trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return _measured(batches, spent, float(losses[-1]))


def collate(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Pad a batch as Hugging Face's models take it."""
    width = max(len(row["tokens"]) for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for index, row in enumerate(rows):
        tokens, start = torch.tensor(row["tokens"]), row["prompt_length"]
        ids[index, : len(tokens)] = tokens
        mask[index, : len(tokens)] = 1
        labels[index, start : len(tokens)] = tokens[start:]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), fused=True)


def _run(step: Callable[[list[TokenizedExample]], float]) -> Measured:
    batches = draw_batches()
    loss = 0.0
    with _counted() as spent:
        for batch in batches:
            loss = step(batch)
    return _measured(batches, spent, loss)


@contextmanager
def _counted() -> Iterator[dict[str, float]]:
    spent: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent["wall_seconds"] = time.perf_counter() - wall
    spent["cpu_seconds"] = time.process_time() - cpu


def _measured(
    batches: list[list[TokenizedExample]], spent: dict[str, float], loss: float
) -> Measured:
    tokens = sum(len(example.tokens) for batch in batches for example in batch)
    return {
        "tokens_per_cpu_second": tokens / spent["cpu_seconds"],
        "tokens_per_second": tokens / spent["wall_seconds"],
        "final_loss": loss,
    }
