"""What counts as a right answer and as a sound rationale in this run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from stratos.contracts.jobs import ModelJobConfig
from stratos.contracts.messages import Message, ToolCall, calls_text
from stratos.scoring.reply import ReplyVerdict, judge_reply, read_reply, verdict_of
from stratos.scoring.verifiers import is_correct, needs_gold
from stratos.spec import LlmJudge, ToolCalls, Verifier
from training.job.job import Job
from training.judging.assessor import Answered, Assessor
from training.judging.checker import Checker, load_checker
from training.teachers.cached import CachedTeacher
from training.teachers.load import open_service
from training.teachers.teacher import ModelUsage

Config = TypeVar("Config", bound=ModelJobConfig)
_LEANS_ON_ANSWER = re.compile(
    r"\b(?:given|provided|stated|supplied|known|correct|above|expected) (?:final )?answer\b"
    r"|\banswer (?:is|was|has been) (?:already )?(?:given|provided|stated|told|known)\b"
    r"|\b(?:we|i) (?:are|were|am|was) (?:told|given) (?:that )?(?:the )?answer\b"
    r"|\b(?:since|because|as|given that) (?:the|we know the) answer (?:is|must be)\b"
    r"|\bwe (?:already )?know (?:that )?the answer\b"
    r"|\baccording to the answer\b|\bworking backwards? from the answer\b",
    re.IGNORECASE,
)
_COPY_SHARE = 0.9
_COPY_GRAM = 8
_MAX_REASON_CHARACTERS = 100
_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


@dataclass(frozen=True)
class GivenReply:
    """What a model replied to a conversation.

    Attributes:
        finished: False when it was cut off at its limit of tokens.
        gold: An answer known to be right, where there is one.
        marking: Whether the answer must be marked. `if marked` leaves any other unchecked.
    """

    messages: tuple[Message, ...]
    text: str
    finished: bool
    gold: str | None
    marking: Literal["optional", "required", "if marked"] = "optional"
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class Judge:
    """Scores completions and finds fault with rationales."""

    verifier: Verifier
    marker: str
    checker: Checker | None = None
    assessor: Assessor | None = None

    @property
    def usage(self) -> ModelUsage:
        """What verdicts have cost; nothing where a rule gives them."""
        return ModelUsage() if self.assessor is None else self.assessor.usage

    @property
    def is_out_of_money(self) -> bool:
        """Whether the model that judges has spent its budget."""
        return self.assessor is not None and self.assessor.is_out_of_money

    @property
    def explains(self) -> bool:
        """Whether a teacher can explain a given answer; a call is nothing to explain."""
        return not isinstance(self.verifier, ToolCalls)

    def can_judge(self, gold: str | None) -> bool:
        """Whether right and wrong can be told apart for a record."""
        return gold is not None or not needs_gold(self.verifier)

    def answer_in(self, text: str, calls: Sequence[ToolCall]) -> str:
        """What of a reply is judged: calls where they are the answer, and what is said elsewhere.

        A model that judges sees both.
        """
        match self.verifier:
            case ToolCalls():
                return calls_text(calls)
            case LlmJudge() if calls:
                return f"{text}\n{calls_text(calls)}".strip()
        return text

    def by_rule(self, text: str, gold: str | None, *, finished: bool = True) -> ReplyVerdict:
        """Tell what one reply is worth by rule.

        Raises:
            ValueError: when the verifier is a model, which `verdicts` asks.
        """
        return judge_reply(
            text, finished=finished, marker=self.marker, verifier=self.verifier, gold=gold
        )

    def verdicts(
        self, replies: Sequence[GivenReply], *, keep_thinking: bool = False
    ) -> list[ReplyVerdict]:
        """Tell what replies are worth. A model that judges is asked only about sound ones."""
        read = [
            read_reply(
                self.answer_in(one.text, one.tool_calls),
                verifier=self.verifier,
                finished=one.finished,
                marker=self.marker,
                gold=one.gold,
                must_mark=one.marking == "required",
                keep_thinking=keep_thinking,
            )
            for one in replies
        ]
        checked = [
            index
            for index, (one, reply) in enumerate(zip(replies, read, strict=True))
            if reply.fault is None
            and self.can_judge(one.gold)
            and (reply.is_marked or one.marking != "if marked")
        ]
        answers = [
            Answered(replies[index].messages, read[index].answer, replies[index].gold)
            for index in checked
        ]
        found = dict(zip(checked, self._decide(answers), strict=True))
        return [
            verdict_of(reply, found[index], verifier=self.verifier, marker=self.marker)
            if index in found
            else ReplyVerdict(reply.fault or "unchecked", reply)
            for index, reply in enumerate(read)
        ]

    def _decide(self, answers: Sequence[Answered]) -> list[bool | None]:
        if self.assessor is not None:
            return self.assessor.assess(answers)
        return [is_correct(self.verifier, one.answer, one.gold) for one in answers]

    def fault(self, rationale: str, *, prompt: str, question: str, answer: str) -> str | None:
        """Return why a rationale for a given answer must not be trained on, or None.

        Args:
            prompt: What the teacher was asked, with the answer in it.
            question: What the student will be asked.
            answer: What the rationale must lead to.
        """
        if not rationale:
            return "no rationale"
        if _LEANS_ON_ANSWER.search(rationale):
            return "leans on the given answer"
        if _copied_share(rationale, prompt) >= _COPY_SHARE:
            return "copies the prompt"
        return self.step_fault(rationale, question, answer)

    def step_fault(self, rationale: str, question: str, answer: str) -> str | None:
        """Return the first problem that the domain checker has with a rationale."""
        if self.checker is None:
            return None
        problems = self.checker(question, answer, rationale)
        if not problems:
            return None
        # Reasons are counted over all rationales; quotations and numbers belong to one alone.
        reason = _PARTICULARS.sub("…", problems[0])
        return f"checker: {reason[:_MAX_REASON_CHARACTERS]}"


def load_judge(job: Job[Config], *, in_part: bool = False, reads_rationales: bool = False) -> Judge:
    """Open a job's judge. A model's verdicts are kept for the next attempt, after a kill.

    Args:
        in_part: Other jobs judge more of the same set, so that no verdict at all is no error.
        reads_rationales: The user's checker is started. A job whose result decides a gate reads
            none, and runs no code of the user's.
    """
    judging, paths = job.config.judging, job.paths
    checker = None
    if reads_rationales and judging.has_checker:
        checker = load_checker(paths.channel("checker"))
    assessor = None
    if isinstance(judging.verifier, LlmJudge):
        model = open_service(judging.verifier.model, job.config)
        if paths.checkpoint_dir is not None:
            kept = paths.checkpoint_dir / "verdicts.jsonl"
            model = CachedTeacher(model, kept, job.config.spent_usd)
        job.progress.charge(model.usage)
        label = f"{model.name} judges"
        assessor = Assessor(
            model,
            judging.verifier,
            stop=lambda: job.clock.must_end() is not None,
            on_done=lambda done, total: job.progress.report(label, done, total, "answers"),
            in_part=in_part,
        )
    return Judge(judging.verifier, judging.answer_marker, checker, assessor)


def _copied_share(text: str, source: str) -> float:
    """Share of the text's character 8-grams that occur in the source."""
    squeezed, known = " ".join(text.split()), " ".join(source.split())
    if len(squeezed) < _COPY_GRAM:
        return float(squeezed in known)
    grams, known_grams = _grams(squeezed), set(_grams(known))
    return sum(gram in known_grams for gram in grams) / len(grams)


def _grams(text: str) -> list[str]:
    return [text[at : at + _COPY_GRAM] for at in range(len(text) - _COPY_GRAM + 1)]
