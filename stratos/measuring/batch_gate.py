"""A finished batch: its figures, and whether they meet the spec."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stratos.contracts.measurements import BatchResult
from stratos.contracts.messages import ToolCall
from stratos.frozen import FrozenModel
from stratos.hosting.chat_request import Said, said_in
from stratos.hosting.guardrails import MAX_FAILED_SHARE
from stratos.hosting.monthly import needed_requests_per_second, worked_off_usd_per_month
from stratos.hosting.next_server import COST_CONSTRAINT, MONTHLY_CONSTRAINT
from stratos.hosting.transform_job import TransformJob
from stratos.measuring.blame import blames_model, wrote_no_text
from stratos.measuring.gates import FAILED_REQUESTS, Verdict
from stratos.measuring.load import KEPT_ERRORS, LONGEST_ERROR
from stratos.spec import Spec
from stratos.statistics.wilson import proportion_of
from stratos.units import figure

_SHORTEST_SECONDS = 1.0
"""Answers carry their time in whole seconds."""
_LONGEST_REASON = 600


class Answer(FrozenModel):
    """One line of a batch as the server answered it."""

    text: str | None
    """None if the server refused the question."""
    calls: tuple[ToolCall, ...] = ()
    """Tools that it calls, after its text."""
    finished: bool = True
    """False when it was cut off at its limit of tokens."""
    error: str | None = None
    completion_tokens: int = 0
    created: float | None = None
    """Seconds since the epoch."""

    @classmethod
    def of(cls, line: bytes) -> Answer:
        """Read a chat completion, or the error that servers of before answered with."""
        try:
            body = json.loads(line)
            if "error" in body:
                return cls(text=None, error=str(body["error"].get("message", body["error"])))
            said = said_in(body)
            return cls(
                text=said.text,
                calls=said.calls,
                finished=said.finished,
                completion_tokens=body["usage"]["completion_tokens"],
                created=body.get("created"),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            return cls(text=None, error=f"no answer that can be read: {line[:200]!r}")


def read_answers(content: bytes) -> list[Answer]:
    """The lines of an answered object; split as bytes, because text may have other separators."""
    return [Answer.of(line) for line in content.splitlines()]


def batch_result(
    job: TransformJob,
    described: Mapping[str, Any] | None,
    num_requests: int,
    answers: Sequence[Answer],
    *,
    failure: str | None = None,
    judge: Callable[[int, Said], bool | None] = lambda index, said: None,
) -> BatchResult:
    """The figures of a job that is over.

    Args:
        described: By DescribeTransformJob; None if the job was never created.
        answers: In the order of the questions; empty if the job failed.
        failure: Why it failed.
        judge: Whether the answer to a question is right; None if that cannot be told.
    """
    seconds = waited = 0.0
    cold = None
    if described is not None and (start := described.get("TransformStartTime")) is not None:
        waited = max(0.0, (start - described["CreationTime"]).total_seconds())
        seconds = max(0.0, (described.get("TransformEndTime", start) - start).total_seconds())
        given = [answer.created for answer in answers if answer.created is not None]
        if given:
            cold = min(seconds, _cold_start_seconds(start.timestamp(), min(given)))
    good = [
        (index, Said(answer.text, answer.calls, answer.finished))
        for index, answer in enumerate(answers)
        if answer.text is not None
    ]
    said = [answer.error[:LONGEST_ERROR] for answer in answers if answer.error]
    verdicts = [judge(*one) for one in good]
    judged = [verdict for verdict in verdicts if verdict is not None]
    working = max(_SHORTEST_SECONDS, seconds - (cold or 0.0))
    usd = seconds / 3600 * job.usd_per_hour
    return BatchResult(
        job_name=job.name,
        num_requests=num_requests,
        num_failed=num_requests - len(good),
        seconds=seconds,
        cold_start_seconds=cold,
        waited_seconds=waited,
        requests_per_second=len(good) / working,
        tokens_per_second=sum(answer.completion_tokens for answer in answers) / working,
        usd=usd,
        usd_per_1000_requests=1000 * usd / len(good) if good else None,
        cold_start_usd_per_1000_requests=(
            1000 * cold / 3600 * job.usd_per_hour / len(good) if good and cold is not None else None
        ),
        accuracy=proportion_of(judged) if judged else None,
        failure=failure and " ".join(failure.split())[:_LONGEST_REASON],
        broken=failure is not None and blames_model(failure),
        errors=tuple(dict.fromkeys(said))[:KEPT_ERRORS],
    )


def _cold_start_seconds(started: float, first: float) -> float:
    """From the start of the bill to the first answer.

    Args:
        first: The answer's own time, cut to whole seconds: within the second that the bill began
            in, the middle of what is left of it stands for it.
    """
    return first - started if first > started else max(0.0, first + 1 - started) / 2


def judge_batch(batch: BatchResult, spec: Spec, usd_per_hour: float) -> Verdict:
    """Check a measured batch against the spec, every constraint at once.

    Args:
        usd_per_hour: Of the server.
    """
    sent, missed = batch.num_requests, {}
    if batch.failure is not None:
        told = f"the batch failed: {batch.failure}"
        if wrote_no_text(batch.failure):
            told = f"{told} (the model wrote bytes that are no UTF-8, which fails the whole file)"
        missed[FAILED_REQUESTS] = told
    elif batch.num_failed > MAX_FAILED_SHARE * sent:
        told = f"{batch.num_failed} of {sent} requests failed, more than {MAX_FAILED_SHARE:.0%}"
        missed[FAILED_REQUESTS] = ": ".join((told, *batch.errors[:1]))
    needed, rate = needed_requests_per_second(spec.load), figure(batch.requests_per_second, 3)
    if batch.failure is None and batch.requests_per_second < needed:
        missed["requests_per_second"] = (
            f"{rate} requests/s are answered, but {figure(needed, 3)} arrive on average over a "
            "month"
        )
    cost, asked = batch.usd_per_1000_requests, spec.constraints.max_usd_per_1000_requests
    if asked is not None and cost is not None and cost > asked:
        missed[COST_CONSTRAINT] = f"{cost_of(batch)}, {COST_CONSTRAINT} is {figure(asked)}"
    monthly = _usd_per_month(batch, spec, usd_per_hour)
    asked = spec.constraints.max_hosting_usd_per_month
    if asked is not None and monthly is not None and monthly > asked:
        missed[MONTHLY_CONSTRAINT] = (
            f"the declared traffic takes ${figure(monthly)} a month, {MONTHLY_CONSTRAINT} is "
            f"{figure(asked)}"
        )
    shown = f"{rate} requests/s, {cost_of(batch)}"
    reason = "; ".join(missed.values()) if missed else shown
    return Verdict(
        passed=not missed, reason=f"{reason}, in a batch of {sent}", missed=tuple(missed)
    )


def _usd_per_month(batch: BatchResult, spec: Spec, usd_per_hour: float) -> float | None:
    rate = batch.requests_per_second
    return worked_off_usd_per_month(spec.load, usd_per_hour, rate) if rate > 0 else None


def cost_of(batch: BatchResult) -> str:
    """What 1,000 requests cost, and how much of that the cold start took."""
    cost, cold = batch.usd_per_1000_requests, batch.cold_start_usd_per_1000_requests
    if cost is None:
        return "nothing was answered"
    told = f"1,000 requests cost ${figure(cost, 3)}"
    if cold is None or batch.cold_start_seconds is None:
        return told
    seconds = batch.cold_start_seconds
    return f"{told} (${figure(cold, 3)} of it for a cold start of {seconds:.0f} s)"
