"""What a reply is worth: one rule for probes, synthesis, rewards, evaluation and the endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stratos.scoring.answers import final_answer, rationale_of
from stratos.scoring.thinking import without_thinking
from stratos.scoring.verifiers import is_correct, needs_gold
from stratos.spec import JsonSchema, ToolCalls, Verifier

Reason = Literal[
    "right",
    "wrong answer",
    "no marker",
    "cut",
    "thinking only",
    "empty",
    "no verdict",
    "unchecked",
]
"""`cut`: at the most tokens it might have. `no marker`: the whole reply was read as the answer, and
is not right. `no verdict`: the judge gave none. `unchecked`: there is no answer to compare with."""


@dataclass(frozen=True)
class ReadReply:
    """A reply before its answer is judged.

    Attributes:
        answer: What follows the last marker; the whole reply where there is none.
        rationale: What precedes the last marker; the whole reply where there is none.
        text_to_learn: What a student is taught.
        fault: Why it is worth nothing, whatever its answer.
    """

    answer: str
    rationale: str
    text_to_learn: str
    is_marked: bool
    fault: Reason | None


@dataclass(frozen=True)
class ReplyVerdict:
    """What a reply is worth, and why.

    Attributes:
        read: What the reply says.
    """

    reason: Reason
    read: ReadReply

    @property
    def is_right(self) -> bool | None:
        """None where nothing could tell."""
        return None if self.reason in ("no verdict", "unchecked") else self.reason == "right"


def expects_marker(verifier: Verifier, marker: str) -> bool:
    """Whether a model is to mark its final answer.

    A reply that is JSON, matches a pattern or pleases a judge is read as a whole. One with a marker
    counts all the same. Tool calls are never marked.
    """
    whole = isinstance(verifier, JsonSchema | ToolCalls) or not needs_gold(verifier)
    return bool(marker) and not whole


def read_reply(
    text: str,
    *,
    verifier: Verifier,
    finished: bool,
    marker: str,
    gold: str | None = None,
    must_mark: bool = False,
    keep_thinking: bool = False,
) -> ReadReply:
    """Find the answer in a reply.

    Thinking between tags is cut off first: an answer inside it is none. Tool calls are JSON, which
    holds neither thinking nor a marker, whatever stands in their arguments.

    Args:
        finished: The model ended it, and not its limit of tokens.
        marker: Precedes the final answer. None is looked for if it is empty.
        gold: The right answer. Where it has several lines, all that follows the marker is read.
        must_mark: A reply without a marker is worth nothing.
        keep_thinking: Teach the thinking, too.
    """
    if isinstance(verifier, ToolCalls):
        marker, said = "", text.strip()
    else:
        said = without_thinking(text)
    marked = bool(marker) and marker in said
    fault: Reason | None = None
    if not finished:
        fault = "cut"
    elif not said:
        fault = "thinking only" if text.strip() else "empty"
    elif must_mark and marker and not marked:
        fault = "no marker"
    several_lines = gold is not None and "\n" in gold.strip()
    return ReadReply(
        answer=final_answer(said, marker, to_end=several_lines),
        rationale=rationale_of(said, marker) if marked else said,
        text_to_learn=text.strip() if keep_thinking else said,
        is_marked=marked,
        fault=fault,
    )


def verdict_of(
    reply: ReadReply, correct: bool | None, *, verifier: Verifier, marker: str
) -> ReplyVerdict:
    """Tell what a reply is worth, given whether its answer is right."""
    reason: Reason
    if reply.fault is not None:
        reason = reply.fault
    elif correct is None:
        reason = "no verdict"
    elif correct:
        reason = "right"
    else:
        missing = expects_marker(verifier, marker) and not reply.is_marked
        reason = "no marker" if missing else "wrong answer"
    return ReplyVerdict(reason, reply)


def judge_reply(
    text: str, *, finished: bool, marker: str, verifier: Verifier, gold: str | None
) -> ReplyVerdict:
    """Tell what a reply is worth by rule.

    Raises:
        ValueError: as `is_correct` does.
    """
    reply = read_reply(text, verifier=verifier, finished=finished, marker=marker, gold=gold)
    correct = reply.fault is None and is_correct(verifier, reply.answer, gold)
    return verdict_of(reply, correct, verifier=verifier, marker=marker)
