"""How much work a spec is: tokens, records, calls, requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stratos.jobs import ProbeResult
from stratos.planning.accuracy import UNKNOWN_TEACHER, UNTUNED_SHARE, verified_share
from stratos.planning.request import ModelCard, PlanningRequest
from stratos.planning.training_cost import HOURS_PER_MONTH
from stratos.spec import StrategyName

Records = TypeVar("Records", float, NDArray[np.float64])

DEFAULT_EPOCHS = 3.0
DEFAULT_BATCH_TOKENS = 8192
DEFAULT_TTL_HOURS = 24.0
REVERSE_PROBES = 64
"""Probe records a teacher is asked to explain (`ProbeConfig.reverse_records`)."""
MIN_RATIONALE_TOKENS = 64.0
"""A rationale is at least this long until a probe has measured it; assumed."""
SHORTLIST = 3
"""Teachers, and students, that are probed."""


@dataclass(frozen=True)
class Knowledge:
    """What is known of one model's ability: a prior, or what a probe measured."""

    accuracy: float
    probe: ProbeResult | None


def teacher_knowledge(card: ModelCard, probe: ProbeResult | None) -> Knowledge:
    """The probe's accuracy, else a published score, else even odds."""
    if probe is not None:
        return Knowledge(probe.accuracy.value, probe)
    prior = card.prior_accuracy
    return Knowledge(UNKNOWN_TEACHER if prior is None else prior, None)


def student_knowledge(card: ModelCard, probe: ProbeResult | None) -> Knowledge:
    """The probe's accuracy, else a share of a published score, else nothing."""
    if probe is not None:
        return Knowledge(probe.accuracy.value, probe)
    prior = card.prior_accuracy
    return Knowledge(0.0 if prior is None else UNTUNED_SHARE * prior, None)


@dataclass(frozen=True)
class Workload:
    """Sizes that a plan's costs follow from."""

    prompt_tokens: float
    completion_tokens: float
    """Of a rationale with its answer, as the teacher writes and the student learns it."""
    num_questions: float
    calls_per_question: float
    num_probe: int
    num_heldout: int
    epochs: float
    batch_tokens: float
    max_steps: int | None
    requests_per_second: float
    served_prompt_tokens: float
    served_output_tokens: float
    horizon_hours: float

    @property
    def sequence_tokens(self) -> float:
        return self.prompt_tokens + self.completion_tokens

    def training_tokens(self, num_records: Records) -> Records:
        """Tokens that pass through the student: so many steps, or so many epochs."""
        if self.max_steps is not None:
            return 0.0 * num_records + self.max_steps * self.batch_tokens
        return num_records * self.sequence_tokens * self.epochs


def workload_of(request: PlanningRequest, probe: ProbeResult | None) -> Workload:
    """Sizes under one teacher: its probe measures how long its completions are."""
    spec, facts = request.spec, request.dataset
    longest = float(spec.synthesis.max_new_tokens)
    if probe is not None and probe.mean_completion_tokens > 0:
        written = max(probe.mean_completion_tokens, facts.answer_tokens)
    else:
        written = max(facts.answer_tokens, MIN_RATIONALE_TOKENS)
    completion = min(written, longest)
    questions = float(facts.num_train)
    if spec.synthesis.max_records is not None:
        questions = min(questions, float(spec.synthesis.max_records))
    training, load, hosting = spec.training, spec.load, spec.hosting
    epochs = DEFAULT_EPOCHS if training.epochs is None else training.epochs
    return Workload(
        prompt_tokens=facts.prompt_tokens,
        completion_tokens=completion,
        num_questions=questions,
        calls_per_question=float(spec.synthesis.samples),
        num_probe=facts.num_probe,
        num_heldout=facts.num_heldout,
        epochs=epochs,
        batch_tokens=float(training.batch_tokens or DEFAULT_BATCH_TOKENS),
        max_steps=training.max_steps,
        requests_per_second=load.requests_per_second,
        served_prompt_tokens=float(load.prompt_tokens or facts.prompt_tokens),
        served_output_tokens=float(load.output_tokens or completion),
        horizon_hours=HOURS_PER_MONTH if hosting.keep else hosting.ttl_hours or DEFAULT_TTL_HOURS,
    )


def verified_records(
    request: PlanningRequest,
    work: Workload,
    strategy: StrategyName,
    teacher: Knowledge,
) -> float:
    """Questions that end with a verified record."""
    reverse = None if teacher.probe is None else teacher.probe.reverse_yield
    share = verified_share(strategy, teacher.accuracy, reverse, request.dataset.num_gold > 0)
    return work.num_questions * share
