"""How records are made, and how the student learns from them."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from stratos.frozen import FrozenModel
from stratos.spec.constraints import CompletionTokens, Probability
from stratos.spec.tracking import MlflowTracking

StrategyName = Literal["alignment", "injection", "blend"]
Method = Literal["full", "lora"]
OptimizerName = Literal["adamw", "muon"]

DEFAULT_EPOCHS = 3.0
DEFAULT_BATCH_TOKENS = 8192
"""Of each optimizer step, if the spec does not say."""
_FEWEST_RECORDS = 50
_ROUNDING = 1e-9


class Synthesis(FrozenModel):
    """How the teacher is asked for training records."""

    alignment_prompt: str = "{question}\n\n{format}"
    """The teacher's prompt under Knowledge Alignment. `{format}` asks for the final answer behind
    `task.answer_marker`, with an example; it is empty where no marker is expected. `{marker}` is
    the marker itself. `{notes}` may be used as well."""
    injection_prompt: str = (
        "{notes}\n\n{question}\n\nThink step by step, and explain how to reach the answer from the "
        "question alone. It is {answer}, but do not mention that it was given. {format}"
    )
    """The teacher's prompt under Knowledge Injection. `{format}` asks for the given answer at the
    end, behind the marker."""
    notes: str = ""
    """Domain notes for `{notes}`."""
    per_element: bool = False
    """For set answers: explain each element in a call of its own, and join those that verify."""
    samples: Annotated[int, Field(ge=1, le=16)] = 1
    """The most attempts per question (per element with `per_element`). The first that verifies is
    kept and ends the attempts."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Of the first attempt; later ones sample at 0.7 or this, whichever is higher."""
    max_new_tokens: CompletionTokens = 512
    """Longest answer of the teacher per call."""
    max_records: PositiveInt | None = None
    min_yield: Probability = 0.2
    """Share of questions that must yield a verified record; below it the run stops, before
    synthesis is paid where a probe already shows it."""
    min_records: PositiveInt | None = None
    """Verified records that training needs; with fewer the run stops. By default 50, or half of the
    questions if that is less."""
    keep_thinking: bool = False
    """Teach what a teacher writes between `<think>` tags, too. It is cut off otherwise, and never
    scored."""

    def needed_records(self, num_questions: int) -> int:
        """The fewest verified records of so many questions that are worth a training."""
        fewest = self.min_records
        if fewest is None:
            fewest = min(_FEWEST_RECORDS, num_questions // 2)
        return max(1, fewest, math.ceil(self.min_yield * num_questions - _ROUNDING))

    @model_validator(mode="after")
    def _asks_enough(self) -> Synthesis:
        if self.min_records and self.max_records and self.min_records > self.max_records:
            raise ValueError(
                f"min_records is {self.min_records} and only {self.max_records} questions "
                "(max_records) are asked; lower the one or raise the other"
            )
        return self

    @field_validator("injection_prompt")
    @classmethod
    def _names_what_it_needs(cls, template: str) -> str:
        for field in ("{question}", "{answer}"):
            if field not in template:
                raise ValueError(f"the injection prompt must contain {field}")
        return template

    @field_validator("alignment_prompt")
    @classmethod
    def _names_the_question(cls, template: str) -> str:
        if "{question}" not in template:
            raise ValueError("the alignment prompt must contain {question}")
        return template


class Reinforcement(FrozenModel):
    """Reinforcement learning (GRPO) after training on the records: the student's own samples, with
    verified rewards."""

    steps: Annotated[int, Field(ge=0)] = 0
    """Rounds of sampling and learning; 0 turns it off. It takes at most two fifths of the job's
    time. The student that did best on the questions set aside is exported."""
    questions: PositiveInt = 16
    """Drawn in each step."""
    samples: Annotated[int, Field(ge=2, le=64)] = 8
    """Completions of each question, compared with each other."""
    updates: Annotated[int, Field(ge=1, le=16)] = 2
    """Optimizer steps on the samples of one step; from the second on the ratio is clipped."""
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How far the policy may move from the one that drew the samples, as a ratio."""
    kl_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the KL penalty for moving away from the student that was trained on the records."""
    learning_rate: PositiveFloat | None = None
    """By default a tenth of the learning rate on the records."""
    max_new_tokens: CompletionTokens = 512
    """Longest sample."""


class Training(FrozenModel):
    """How the student is trained. The planner chooses what you omit."""

    method: Literal["auto", Method] = "auto"
    optimizer: OptimizerName = "adamw"
    """`muon`: Muon on the hidden matrices, AdamW on the rest; full fine-tuning only."""
    learning_rate: PositiveFloat | None = None
    epochs: PositiveFloat | None = None
    max_steps: PositiveInt | None = None
    batch_tokens: PositiveInt | None = None
    max_sequence_tokens: PositiveInt | None = None
    seed: int = 0
    lora_rank: PositiveInt = 16
    kd_weight: Probability = 0.0
    """Share of the loss on the teacher's token distribution; white-box teachers only."""
    temperature: PositiveFloat = 1.0
    jsd_beta: Probability = 0.0
    """0 is forward KL, 1 reverse KL, between them generalized JSD."""
    on_policy_fraction: Probability = 0.0
    """Share of the steps in which the student writes and the teacher's distribution corrects it."""
    cross_tokenizer: Literal["refuse", "align"] = "refuse"
    """What to do with a teacher that has another tokenizer if `kd_weight` is above 0. `refuse`:
    leave it out. `align`: compare the distributions wherever both tokenizers end a token, over the
    outcomes that both can write."""
    activation_checkpointing: Literal["auto"] | bool = "auto"
    """Recompute activations in the backward pass instead of keeping them: less memory, about a
    third more time. `auto`: only if they would not fit."""
    packing: bool = False
    """Put several records into one row, where none sees another. Without it, the records of a step
    are batched by length, which leaves little padding and needs no mask; on the example's records
    it is just as fast."""
    answers_only: bool = False
    """Train on the verified answers without the rationales: the ablation."""
    reinforcement: Reinforcement = Reinforcement()
    tracking: Annotated[MlflowTracking | None, Field(exclude_if=lambda found: found is None)] = None
    """Beside TensorBoard's files, which are written in any case."""

    @property
    def writes_samples(self) -> bool:
        """Whether the student learns from samples of its own."""
        return self.on_policy_fraction > 0 or self.reinforcement.steps > 0

    @model_validator(mode="after")
    def _has_something_to_learn_from(self) -> Training:
        if self.kd_weight > 0:
            return self
        if self.on_policy_fraction > 0:
            raise ValueError(
                f"on_policy_fraction is {self.on_policy_fraction:g} and kd_weight 0, and only a "
                "teacher's distribution can correct what the student writes: set kd_weight above "
                "0, or on_policy_fraction to 0"
            )
        fields = type(self).model_fields
        changed = [
            name
            for name in ("jsd_beta", "temperature", "cross_tokenizer")
            if getattr(self, name) != fields[name].default
        ]
        if changed:
            raise ValueError(
                f"{' and '.join(changed)} shape the loss on the teacher's distribution, which has "
                "no weight: set kd_weight above 0, or leave them out"
            )
        return self
