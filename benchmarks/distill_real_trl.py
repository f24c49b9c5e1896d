"""TRL 1.16's trainers on SmolLM2-135M-Instruct, on the token ids that ours gets.

Activations are kept, as here: TRL's default computes them again, for less memory and a third more
time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow  # type: ignore[import-not-found,unused-ignore]
import torch
from datasets import Dataset  # type: ignore[import-not-found,unused-ignore]
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import (  # type: ignore[import-not-found,unused-ignore]
    DistillationConfig,
    DistillationTrainer,
    SFTConfig,
    SFTTrainer,
)
from trl.experimental.gkd import (  # type: ignore[import-not-found,unused-ignore]
    GKDConfig,
    GKDTrainer,
)

from benchmarks.apart import Measured
from benchmarks.distill_real_data import (
    LEARNING_RATE,
    ROWS,
    WRITTEN,
    StepTimes,
    disturb,
    draw_steps,
    load_teacher,
    num_steps,
    precision,
)
from benchmarks.distill_real_ours import RANK
from benchmarks.distill_training import collate
from benchmarks.real_weights import smollm2
from training.learning.optimizer import learning_rate_factor
from training.student.batches import TokenizedExample


class _Stopwatch(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.times: StepTimes | None = None

    def on_train_begin(self, *_: object, **__: object) -> None:
        self.times = StepTimes()

    def on_step_end(self, *_: object, **__: object) -> None:
        assert self.times is not None
        self.times.note()


class _GivenPrompts(DistillationTrainer):  # type: ignore[misc]
    """Prompts are token ids already."""

    def _tokenize_prompts(
        self, prompts: list[list[int]]
    ) -> tuple[list[list[int]], None, dict[str, Any]]:
        return prompts, None, {}


def on_policy_trl() -> Measured:
    steps = draw_steps(WRITTEN)
    rows = [{"prompt": one.tokens[: one.prompt_length]} for step in steps for one in step]
    with _settings() as common:
        trainer = _GivenPrompts(
            args=DistillationConfig(
                **common,
                beta=1.0,
                max_completion_length=WRITTEN,
                generation_kwargs={"min_new_tokens": WRITTEN},
                shuffle_dataset=False,
            ),
            teacher_model=load_teacher().model,
            **_parts(_student(), rows),
        )
        return _train(trainer) | {"loss_given": _given_loss(trainer, steps[0])}


def records_trl() -> Measured:
    with _settings() as common:
        trainer = GKDTrainer(
            args=GKDConfig(**common, lmbda=0.0, beta=0.5, train_sampling_strategy="sequential"),
            teacher_model=load_teacher().model,
            data_collator=collate,
            **_parts(_student(), _records()),
        )
        return _train(trainer)


def sft_full_trl() -> Measured:
    return _fine_tune(_student())


def sft_lora_trl() -> Measured:
    torch.manual_seed(0)
    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules="all-linear",
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    return _fine_tune(get_peft_model(_load(), config))


def _fine_tune(model: Any) -> Measured:
    with _settings() as common:
        trainer = SFTTrainer(
            args=SFTConfig(
                **common,
                train_sampling_strategy="sequential",
                dataset_kwargs={"skip_prepare_dataset": True},
            ),
            data_collator=collate,
            **_parts(model, _records()),
        )
        return _train(trainer)


def _load() -> Any:
    stored = torch.float32
    return AutoModelForCausalLM.from_pretrained(str(smollm2()), dtype=stored)


def _student() -> Any:
    model = _load()
    disturb(model)
    return model


def _records() -> list[dict[str, Any]]:
    return [vars(one) for step in draw_steps() for one in step]


def _parts(model: Any, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What every trainer gets: the model, its rows in this order, and ours of optimizers."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, num_steps())
    )
    return {
        "model": model,
        "train_dataset": Dataset(pyarrow.Table.from_pylist(rows), fingerprint="records"),
        "processing_class": AutoTokenizer.from_pretrained(smollm2()),
        "optimizers": (optimizer, schedule),
    }


@contextmanager
def _settings() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        yield {
            "output_dir": folder,
            "per_device_train_batch_size": ROWS,
            "max_steps": num_steps(),
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": [],
            "use_cpu": True,
            "bf16": precision() == "bfloat16",
            "gradient_checkpointing": bool(os.environ.get("STRATOS_BENCH_RECOMPUTED")),
            "disable_tqdm": True,
            "max_grad_norm": 1.0,
            "remove_unused_columns": False,
        }


def _train(trainer: Any) -> Measured:
    watch = _Stopwatch()
    trainer.add_callback(watch)
    trainer.train()
    losses = [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    assert watch.times is not None
    return watch.times.measured(first_loss=losses[0], final_loss=losses[-1])


@torch.no_grad()
def _given_loss(trainer: Any, examples: list[TokenizedExample]) -> float:
    """The loss of an untrained student on completions that every contender is given."""
    tokens = torch.tensor([one.tokens for one in examples])
    written, mask = tokens[:, -WRITTEN:], torch.ones_like(tokens)
    inputs = {
        "prompt_ids": tokens[:, :-WRITTEN],
        "prompt_mask": mask[:, :-WRITTEN],
        "completion_ids": written,
        "completion_mask": mask[:, -WRITTEN:],
    }
    with trainer.compute_loss_context_manager():
        loss, _, _ = trainer._compute_loss(_student(), inputs, torch.tensor(float(written.numel())))
    return float(loss)
