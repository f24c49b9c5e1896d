"""How much work a spec amounts to: tokens, records, calls, requests."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TypeVar

from stratos.catalog.model_card import ModelCard
from stratos.contracts.jobs import ProbeResult
from stratos.dataset.token_estimate import by_characters
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.planning.arrays import Floats
from stratos.planning.forecast.accuracy import (
    UNKNOWN_REVERSE_YIELD,
    UNKNOWN_TEACHER,
    UNTUNED_SHARE,
    verified_share,
)
from stratos.planning.request import PlanningRequest
from stratos.scoring.reasons import shortfall
from stratos.spec import Spec, StrategyName
from stratos.spec.training import DEFAULT_BATCH_TOKENS, DEFAULT_EPOCHS

Amount = TypeVar("Amount", float, Floats)

RATIONALE_SHARE = 0.25
"""Of `max_new_tokens` that a rationale fills, until a probe has measured it; assumed."""
TEMPLATE_TOKENS = 32.0
"""Of a chat template around one question, with the system prompt that it brings: 5 to 45 in those
of published models. Stands in for a count."""
ELEMENTS_PER_ANSWER = 2.0
"""Of a set answer that is explained element by element; assumed."""
_ROUNDING = 1e-6
SHORTLIST = 3
"""Teachers, and students, that are probed."""


@dataclass(frozen=True)
class Knowledge:
    """What is known of one model's ability: a prior, or what a probe measured."""

    accuracy: float
    probe: ProbeResult | None


def teacher_knowledge(card: ModelCard, probe: ProbeResult | None) -> Knowledge:
    """The probe's accuracy; failing that, a published score; failing that, even odds."""
    if probe is not None:
        return Knowledge(probe.accuracy.value, probe)
    prior = card.prior_accuracy
    return Knowledge(UNKNOWN_TEACHER if prior is None else prior, None)


def student_knowledge(card: ModelCard, probe: ProbeResult | None) -> Knowledge:
    """The probe's accuracy; failing that, a share of a published score; failing that, 0."""
    if probe is not None:
        return Knowledge(probe.accuracy.value, probe)
    prior = card.prior_accuracy
    return Knowledge(0.0 if prior is None else UNTUNED_SHARE * prior, None)


@dataclass(frozen=True)
class Workload:
    """Sizes that determine the costs of a plan."""

    prompt_tokens: float
    """Of the student's prompt, as its template renders it."""
    aligned_prompt_tokens: float
    """Of the teacher's, in the alignment prompt."""
    told_prompt_tokens: float
    """Of the teacher's, in the injection prompt, with the answer to explain."""
    completion_tokens: float
    """Of one call: a rationale with its answer."""
    num_questions: float
    samples: int
    """Attempts per call, at most."""
    elements: float
    """Calls that one injected record is joined from."""
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
        """Of a training record."""
        return self.prompt_tokens + self.completion_tokens * self.elements

    @property
    def learned_share(self) -> float:
        """Of a training record's tokens, those that carry a loss."""
        return 1.0 - self.prompt_tokens / max(1.0, self.sequence_tokens)

    def asked_tokens(self, strategy: StrategyName) -> float:
        """Of a prompt that the teacher is asked with; under a blend of one of each kind."""
        if strategy == "blend":
            return (self.aligned_prompt_tokens + self.told_prompt_tokens) / 2
        told = strategy == "injection"
        return self.told_prompt_tokens if told else self.aligned_prompt_tokens

    def calls(self, strategy: StrategyName, aligned: float, explained: float) -> float:
        """Expected calls to the teacher: an attempt is repeated only while nothing was verified.

        Args:
            aligned: Share of its own answers that are right.
            explained: Share of given answers that it explains soundly.
        """
        asked = self.num_questions
        own = asked * _attempts(aligned, self.samples)
        told = asked * self.elements * _attempts(explained, self.samples)
        if strategy == "alignment":
            return own
        return told if strategy == "injection" else own + (1 - aligned) * told

    def training_tokens(self, num_records: Amount) -> Amount:
        """Tokens that pass through the student, by the number of steps or of epochs."""
        if self.max_steps is not None:
            return 0.0 * num_records + self.max_steps * self.batch_tokens
        return num_records * self.sequence_tokens * self.epochs


def workload_of(
    request: PlanningRequest,
    probe: ProbeResult | None,
    *,
    teacher: ModelCard | None = None,
    student: ModelCard | None = None,
    student_probe: ProbeResult | None = None,
) -> Workload:
    """The workload of a pair, whose probes measure the length of prompts and completions.

    Args:
        probe: The teacher's.
        teacher: For its template, until it is probed; likewise `student`.
    """
    spec, facts = request.spec, request.dataset
    longest = float(spec.synthesis.max_new_tokens)
    if probe is not None and probe.mean_completion_tokens > 0:
        written = max(probe.mean_completion_tokens, facts.answer_tokens)
    else:
        written = max(facts.answer_tokens, RATIONALE_SHARE * longest)
    completion = min(written, longest)
    questions = float(facts.num_train)
    if spec.synthesis.max_records is not None:
        questions = min(questions, float(spec.synthesis.max_records))
    elements = ELEMENTS_PER_ANSWER if spec.synthesis.per_element else 1.0
    prompt = _prompt_tokens(request, student, student_probe)
    aligned = _prompt_tokens(request, teacher, probe)
    if not _measures_prompts(probe):
        aligned += _added_tokens(spec.synthesis.alignment_prompt, spec.synthesis.notes)
    told = aligned - _added_tokens(spec.synthesis.alignment_prompt, spec.synthesis.notes)
    told += _added_tokens(spec.synthesis.injection_prompt, spec.synthesis.notes)
    training, load = spec.training, spec.load
    epochs = DEFAULT_EPOCHS if training.epochs is None else training.epochs
    return Workload(
        prompt_tokens=prompt,
        aligned_prompt_tokens=aligned,
        told_prompt_tokens=told + facts.answer_tokens,
        completion_tokens=completion,
        num_questions=questions,
        samples=spec.synthesis.samples,
        elements=elements,
        num_probe=facts.num_probe,
        num_heldout=facts.num_heldout,
        epochs=epochs,
        batch_tokens=float(training.batch_tokens or DEFAULT_BATCH_TOKENS),
        max_steps=training.max_steps,
        requests_per_second=load.requests_per_second,
        served_prompt_tokens=float(load.prompt_tokens or prompt),
        served_output_tokens=float(load.output_tokens or completion * elements),
        horizon_hours=horizon_hours(spec),
    )


def horizon_hours(spec: Spec) -> float:
    """How long an endpoint is paid for: its lifetime, or a month of one without end."""
    return spec.hosting.lifetime_hours or HOURS_PER_MONTH


def _prompt_tokens(
    request: PlanningRequest, card: ModelCard | None, probe: ProbeResult | None
) -> float:
    """Of one model's prompt: as its probe counted, else of the text and of the template."""
    if probe is not None and _measures_prompts(probe):
        return probe.mean_prompt_tokens
    counted = None if card is None else card.template_tokens
    return request.dataset.prompt_tokens + (TEMPLATE_TOKENS if counted is None else counted)


def _measures_prompts(probe: ProbeResult | None) -> bool:
    return probe is not None and probe.mean_prompt_tokens > 0


def _added_tokens(template: str, notes: str) -> float:
    """Tokens that a synthesis prompt adds to a question."""
    text = template.replace("{notes}", notes)
    for field in ("{question}", "{answer}"):
        text = text.replace(field, "")
    return by_characters(text.strip())


@dataclass(frozen=True)
class SynthesisForecast:
    """What synthesis is expected to ask and keep."""

    num_records: float
    num_calls: float


@dataclass(frozen=True)
class LoggedReplies:
    """Questions that a logged reply answers rightly, so that no teacher is asked them.

    Attributes:
        share: Expected, of all questions.
        at_most: Upper end of its interval.
        alone: The log is the teacher.
    """

    share: float = 0.0
    at_most: float = 0.0
    alone: bool = False

    def kept(self, live: float) -> float:
        """Share of questions that end verified, given that of the live teacher."""
        return self.share + self.asked * live

    def kept_at_most(self, live: float) -> float:
        """The same at the upper ends of both intervals."""
        return self.at_most + (1.0 - self.at_most) * (0.0 if self.alone else live)

    @property
    def asked(self) -> float:
        """Share of questions that a live teacher is asked."""
        return 0.0 if self.alone else 1.0 - self.share


NO_LOGS = LoggedReplies()


def logged_replies(
    request: PlanningRequest, teacher: ModelCard, probe: ProbeResult | None
) -> LoggedReplies:
    """What a log gives a pairing: as its probe measured, else by the number of replies.

    Args:
        probe: Of the log, if it was probed.
    """
    if not request.spec.learns_logs:
        return NO_LOGS
    alone = teacher.kind == "logs"
    if probe is not None and probe.alignment_yield is not None:
        return LoggedReplies(probe.alignment_yield.value, probe.alignment_yield.hi, alone)
    facts = request.dataset
    total = facts.num_train + facts.num_probe + facts.num_heldout
    there = min(1.0, facts.num_replies / max(1, total))
    return LoggedReplies(there, there, alone)


def expected_synthesis(
    request: PlanningRequest,
    work: Workload,
    strategy: StrategyName,
    teacher: Knowledge,
    logged: LoggedReplies = NO_LOGS,
) -> SynthesisForecast:
    """Verified records, and the calls they take, under one strategy."""
    reverse = None if teacher.probe is None else teacher.probe.reverse_yield
    solved = None if teacher.probe is None else teacher.probe.alignment_yield
    first = teacher.accuracy if request.dataset.num_gold > 0 else 1.0
    aligned = solved.value if solved is not None and request.dataset.num_gold > 0 else first
    explained = UNKNOWN_REVERSE_YIELD if reverse is None else reverse.value
    kept = logged.kept(verified_share(strategy, aligned, explained))
    calls = logged.asked * work.calls(strategy, first, explained)
    return SynthesisForecast(work.num_questions * kept, calls)


def too_few_records(
    request: PlanningRequest,
    work: Workload,
    strategy: StrategyName,
    teacher: Knowledge,
    logged: LoggedReplies = NO_LOGS,
) -> str | None:
    """Why synthesis is not worth paying for, by what a probe measured; None where it may be.

    A probe asks few questions, so the upper end of its interval decides.
    """
    probe, spec = teacher.probe, request.spec
    if probe is None:
        return None
    most = _most_records(request, work, strategy, probe, logged)
    needed = spec.synthesis.needed_records(int(work.num_questions))
    if most + _ROUNDING >= needed:
        return None
    expected = expected_synthesis(request, work, strategy, teacher, logged).num_records
    reasons = Counter(probe.answers if strategy != "injection" else {})
    if strategy != "alignment":
        reasons.update(probe.explanations)
    marker = spec.task.answer_marker
    return (
        f"its probe lets expect {expected:.0f} verified records of {work.num_questions:,.0f} "
        f"questions under {strategy}, and {most:.0f} at the upper end of its 95% interval; "
        f"{shortfall(needed, reasons, marker, unless='no reason was kept')}"
    )


def _most_records(
    request: PlanningRequest,
    work: Workload,
    strategy: StrategyName,
    probe: ProbeResult,
    logged: LoggedReplies,
) -> float:
    """Verified records at the upper ends of the probe's intervals."""
    solved, reverse = probe.alignment_yield or probe.accuracy, probe.reverse_yield
    aligned = solved.hi if request.dataset.num_gold > 0 else 1.0
    explained = UNKNOWN_REVERSE_YIELD if reverse is None else reverse.hi
    return work.num_questions * logged.kept_at_most(verified_share(strategy, aligned, explained))


def _attempts(success: float, most: int) -> float:
    """Expected attempts until the first success, `most` at most: (1 − (1 − y)^n) / y."""
    if success <= 0:
        return float(most)
    return (1 - math.pow(1 - success, most)) / success
