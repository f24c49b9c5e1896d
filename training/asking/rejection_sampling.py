"""A teacher's answers become verified training records.

Knowledge Alignment keeps the teacher's own answers that are right (rejection sampling). Knowledge
Injection shows it the right answer and keeps the sound explanations (reverse synthesis). Blend
injects where alignment failed. Strategy names are those of arXiv 2510.15992; the checks are ours.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stratos.contracts.messages import ToolCall
from stratos.contracts.records import Record, TrainingRecord
from stratos.errors import BudgetExhausted
from stratos.scoring.answers import elements, with_answer
from stratos.scoring.reply import ReplyVerdict
from stratos.scoring.thinking import without_thinking
from stratos.sharding.rejected import RejectedSample
from stratos.spec import SetOf, StrategyName, Synthesis, ToolCalls
from training.asking.prompts import alignment_messages, injection_messages
from training.asking.rejected_sample import rejected_attempt
from training.judging.judge import GivenReply, Judge
from training.teachers.teacher import Completion, OnAnswer, Request, Teacher

NOT_EXPLAINED = "calls are not explained"
_RETRY_TEMPERATURE = 0.7
_log = logging.getLogger(__name__)

OnFirst = Callable[[Record, Completion, ReplyVerdict], None]


@dataclass
class VerifiedRecords:
    """What became of the questions.

    Attributes:
        records: Verified, in the order of the questions.
        asked: Questions asked, by strategy.
        rejects: Attempts rejected, by reason.
        rejected: Some of them.
        completion_tokens: Written for the records that were kept.
    """

    records: list[TrainingRecord] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    rejected: RejectedSample = field(default_factory=RejectedSample)
    completion_tokens: int = 0


@dataclass(frozen=True)
class _Part:
    """One call's worth of a record: its whole answer, or one element of it."""

    record: Record
    strategy: Literal["alignment", "injection"]
    answer: str | None


@dataclass(frozen=True)
class _Attempt:
    """A call that was answered.

    Attributes:
        index: Position of its part.
    """

    index: int
    part: _Part
    prompt: str
    completion: Completion


@dataclass(frozen=True)
class _Kept:
    text: str
    attempts: int
    completion_tokens: int
    tool_calls: tuple[ToolCall, ...] = ()


class RejectionSampler:
    """Asks a teacher and keeps the answers that the judge accepts."""

    def __init__(
        self,
        teacher: Teacher,
        judge: Judge,
        synthesis: Synthesis,
        *,
        stop: Callable[[], bool],
        on_done: Callable[[str, int, int], None],
        on_first: OnFirst = lambda *_: None,
    ) -> None:
        """Set up.

        Args:
            stop: Once true, nothing more is asked.
            on_done: Called with what is being done, the calls answered so far, and of how many.
            on_first: Called with the first answer to each question that is aligned.
        """
        self._teacher, self._judge, self._synthesis = teacher, judge, synthesis
        self._stop, self._on_done, self._on_first = stop, on_done, on_first

    def run(
        self, records: Sequence[Record], strategy: StrategyName, num_retried: int | None = None
    ) -> VerifiedRecords:
        """Make training records of questions. Records without a gold answer are only aligned.

        Args:
            num_retried: Only the first so many questions are aligned with more than one attempt.
        """
        outcome = VerifiedRecords()
        kept: dict[str, TrainingRecord] = {}
        if strategy != "injection":
            kept |= self._align(records, outcome, num_retried)
        if strategy != "alignment":
            unsolved = [one for one in records if one.id not in kept and one.gold]
            if self._judge.explains:
                kept |= self._inject(unsolved, outcome)
            else:
                outcome.rejects[NOT_EXPLAINED] += len(unsolved)
        outcome.records = [kept[record.id] for record in records if record.id in kept]
        return outcome

    def _align(
        self, records: Sequence[Record], outcome: VerifiedRecords, num_retried: int | None
    ) -> dict[str, TrainingRecord]:
        parts = [_Part(record, "alignment", record.gold) for record in records]
        answered = self._ask(parts, outcome, num_retried)
        kept: dict[str, TrainingRecord] = {}
        for part, found in zip(parts, answered, strict=True):
            if found is not None:
                kept[part.record.id] = _record(part.record, "alignment", found.text, [found])
                outcome.kept["alignment"] += 1
                outcome.completion_tokens += found.completion_tokens
        return kept

    def _inject(
        self, records: Sequence[Record], outcome: VerifiedRecords
    ) -> dict[str, TrainingRecord]:
        answers = {record.id: self._answers(record) for record in records}
        parts = [
            _Part(record, "injection", answer)
            for record in records
            for answer in answers[record.id]
        ]
        answered = iter(self._ask(parts, outcome))
        kept: dict[str, TrainingRecord] = {}
        for record in records:
            found = [next(answered) for _ in answers[record.id]]
            whole = [one for one in found if one is not None]
            if len(whole) < len(found) or record.gold is None:
                continue
            rationale = "\n".join(one.text for one in whole)
            text = with_answer(rationale, self._judge.marker, record.gold)
            kept[record.id] = _record(record, "injection", text, whole)
            outcome.kept["injection"] += 1
            outcome.completion_tokens += sum(one.completion_tokens for one in whole)
        return kept

    def _answers(self, record: Record) -> list[str]:
        """Return what is to be explained, one call each."""
        assert record.gold is not None
        verifier = self._judge.verifier
        if self._synthesis.per_element and isinstance(verifier, SetOf):
            return elements(record.gold, verifier.separator)
        return [record.gold]

    def _ask(
        self, parts: Sequence[_Part], outcome: VerifiedRecords, num_retried: int | None = None
    ) -> list[_Kept | None]:
        """Ask for each part until it is verified or its attempts are spent.

        An answer without a verdict is not asked for again: that would be paid for twice.

        Raises:
            BudgetExhausted: when the teacher costs more than is left, and nothing was kept yet.
        """
        kept: list[_Kept | None] = [None] * len(parts)
        asked: set[str] = set()
        unjudged: set[int] = set()
        for attempt in range(self._synthesis.samples):
            open_parts = [
                index
                for index, found in enumerate(kept[:num_retried] if attempt else kept)
                if found is None and index not in unjudged
            ]
            if not open_parts or self._stop() or self._judge.is_out_of_money:
                break
            requests = [self._request(parts[index], attempt) for index in open_parts]
            label = f"{parts[0].strategy}, attempt {attempt + 1} of {self._synthesis.samples}"
            try:
                completions = self._teacher.generate(
                    requests, stop=self._stop, on_answer=self._counting(label, len(requests))
                )
            except BudgetExhausted as error:
                if not outcome.kept and not any(kept):
                    raise
                _log.warning("%s: %d calls are not made: %s", label, len(requests), error)
                break
            attempts = [
                _Attempt(index, parts[index], request.messages[-1].content, completion)
                for index, request, completion in zip(
                    open_parts, requests, completions, strict=True
                )
                if completion is not None
            ]
            for one, verdict in zip(attempts, self._verdicts(attempts), strict=True):
                if one.part.strategy == "alignment" and one.part.record.id not in asked:
                    self._on_first(one.part.record, one.completion, verdict)
                asked.add(one.part.record.id)
                fault = self._fault(one, verdict)
                if fault is None:
                    kept[one.index] = self._kept(one, verdict, attempt + 1)
                else:
                    outcome.rejects[fault] += 1
                    outcome.rejected.add(
                        rejected_attempt(
                            one.part.record, one.part.strategy, attempt + 1, one.completion, fault
                        )
                    )
                    if fault == "no verdict":
                        unjudged.add(one.index)
        if parts:
            outcome.asked[parts[0].strategy] += len(asked)
        return kept

    def _counting(self, label: str, total: int) -> OnAnswer:
        done = itertools.count(1)
        return lambda _index, _completion: self._on_done(label, next(done), total)

    def _request(self, part: _Part, attempt: int) -> Request:
        synthesis = self._synthesis
        if part.strategy == "alignment":
            messages = alignment_messages(part.record, synthesis, self._judge)
        else:
            assert part.answer is not None
            messages = injection_messages(part.record, part.answer, synthesis, self._judge)
        temperature = synthesis.temperature
        if attempt > 0:
            temperature = max(_RETRY_TEMPERATURE, temperature)
        return Request(
            messages,
            synthesis.max_new_tokens,
            temperature,
            attempt,
            # An explanation is text; the tools are the student's.
            tools=(part.record.tools or ()) if part.strategy == "alignment" else (),
            tool_choice=part.record.tool_choice if part.strategy == "alignment" else None,
        )

    def _verdicts(self, attempts: Sequence[_Attempt]) -> list[ReplyVerdict]:
        return self._judge.verdicts(
            [
                GivenReply(
                    one.part.record.messages,
                    one.completion.whole,
                    one.completion.finished,
                    one.part.answer,
                    self._marking(one.part),
                    one.completion.tool_calls,
                )
                for one in attempts
            ],
            keep_thinking=self._synthesis.keep_thinking,
        )

    def _marking(self, part: _Part) -> Literal["optional", "required", "if marked"]:
        if part.strategy == "alignment":
            return "optional"
        # Where each element has its call, a checker can confirm the step without a marked answer.
        needless = self._synthesis.per_element and self._judge.checker is not None
        return "if marked" if needless else "required"

    def _kept(self, attempt: _Attempt, verdict: ReplyVerdict, attempts: int) -> _Kept:
        completion = attempt.completion
        injected = attempt.part.strategy == "injection"
        text = verdict.read.rationale if injected else verdict.read.text_to_learn
        if completion.tool_calls or isinstance(self._judge.verifier, ToolCalls):
            text = self._said(completion)
        return _Kept(text, attempts, completion.completion_tokens, completion.tool_calls)

    def _said(self, completion: Completion) -> str:
        """What is learned of a reply beside its calls."""
        if self._synthesis.keep_thinking:
            return completion.whole.strip()
        return without_thinking(completion.whole)

    def _fault(self, attempt: _Attempt, verdict: ReplyVerdict) -> str | None:
        """Return why an attempt is rejected; None where it is kept."""
        if verdict.reason not in ("right", "unchecked"):
            return verdict.reason
        judge, part, reply = self._judge, attempt.part, verdict.read
        completion = attempt.completion
        if isinstance(judge.verifier, ToolCalls) and not (
            completion.tool_calls or self._said(completion)
        ):
            return "empty"  # nothing is to be called, but something is to be said
        if part.strategy == "injection":
            assert part.answer is not None
            return judge.fault(
                reply.rationale,
                prompt=attempt.prompt,
                question=part.record.question,
                answer=part.answer,
            )
        if reply.is_marked and reply.rationale and part.answer is not None:
            return judge.step_fault(reply.rationale, part.record.question, part.answer)
        return None


def _record(
    record: Record,
    strategy: Literal["alignment", "injection"],
    completion: str,
    found: Sequence[_Kept],
) -> TrainingRecord:
    return TrainingRecord(
        id=record.id,
        messages=record.messages,
        tools=record.offered_tools,
        tool_choice=record.tool_choice,
        completion=completion,
        tool_calls=found[0].tool_calls or None,
        answer=record.gold,
        strategy=strategy,
        attempts=max(one.attempts for one in found),
    )
