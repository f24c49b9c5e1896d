"""Ask a run's model many questions at once: `stratos batch`."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from botocore.exceptions import ClientError

from stratos.cli.batch_questions import (
    Limits,
    maybe_too_long,
    read_questions,
    told_lines,
    with_unmeasured_tools,
)
from stratos.cli.options import Json, RunId
from stratos.cli.runs import find_run, read_object
from stratos.cli.screen import echo, make_console, print_json
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys, s3_uri, split_uri
from stratos.contracts.measurements import BatchResult
from stratos.contracts.messages import listed_calls
from stratos.contracts.plan import PlannedEngine
from stratos.contracts.run import RunRow
from stratos.errors import BatchFailed, BatchRejected, ModelNotFound
from stratos.hosting.deployment import DEPLOYMENT, BatchDeployment
from stratos.hosting.names import MEASURED
from stratos.hosting.transform_job import BATCH_TAG, TransformJob
from stratos.measuring.batch_gate import Answer, batch_result, cost_of, read_answers
from stratos.report.figures import duration, money
from stratos.spec import Spec
from stratos.waiting import growing, wait_until

Unfinished = Literal["InProgress", "Stopping"]
"""States of a job that may still write."""
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_OVER = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is; its job does not say how many lines are done."""

    status: str
    seconds: float
    """Since it was submitted."""


@dataclass(frozen=True)
class FinishedBatch:
    """A batch that is over."""

    answers_path: Path
    result: BatchResult


def ask(
    stack: Stack,
    run: RunRow,
    questions: Path,
    folder: Path,
    tell: Callable[[BatchProgress], None],
    warn: Callable[[str], None],
) -> FinishedBatch:
    """Ask every line of a file and write the answers, in the same order, into a folder.

    An interruption stops the job, which would otherwise be billed until its last line.

    Args:
        warn: Is told, before anything is paid for, which lines may be too long.

    Raises:
        ModelNotFound: the run has no model for batches.
        BatchRejected: the file has lines that cannot be asked.
        BatchFailed: there are no answers, and why.
    """
    deployment = _deployment(stack, run)
    template = deployment.transform_job
    spec = Spec.model_validate_json(_object(stack, run, RunKeys(run.run_id).spec))
    limits = Limits(spec.task.max_reply_tokens, template.max_payload_in_mb, deployment.engine)
    requests = read_questions(questions, spec.name, limits)
    doubts = _doubts(stack, run, requests, deployment.engine)
    if doubts:
        warn(doubts)
    target = folder / f"{questions.stem}.answers.jsonl"
    _check_writable(target)
    job = _job(stack, run, template, requests)
    stack.sagemaker.create_transform_job(**job.request())
    try:
        described = _wait(stack, job, tell)
    except BaseException:
        with suppress(ClientError):  # it ended in the meantime
            stack.sagemaker.stop_transform_job(TransformJobName=job.name)
        raise
    if described["TransformJobStatus"] != "Completed":
        raise BatchFailed(
            f"batch {job.name} {described['TransformJobStatus'].lower()}: "
            f"{described.get('FailureReason', 'no reason was given')}. Its log group is "
            f"/aws/sagemaker/TransformJobs{doubts and f'. {doubts}'}"
        )
    answers = _answers(stack, job)
    if len(answers) != len(requests):
        raise BatchFailed(
            f"batch {job.name} has {len(answers)} answers to {len(requests)} questions; they are "
            f"at {job.transform_output['S3OutputPath']}"
        )
    target.write_text(_lines(answers), encoding="utf-8")
    return FinishedBatch(target, batch_result(job, described, len(requests), answers))


def jobs_under_way(stack: Stack, run_id: str, status: Unfinished = "InProgress") -> list[str]:
    """Names of a run's unfinished batches."""
    pages = stack.sagemaker.get_paginator("list_transform_jobs")
    found = pages.paginate(NameContains=run_id, StatusEquals=status)
    names = (item["TransformJobName"] for page in found for item in page["TransformJobSummaries"])
    return [name for name in names if name.startswith(stack.names.batches(run_id))]


def _deployment(stack: Stack, run: RunRow) -> BatchDeployment:
    """The run's model, and the job by which it was measured."""
    if run.endpoint_name is not None:
        raise ModelNotFound(
            f"run {run.run_id} has endpoint {run.endpoint_name} in service; ask it with `stratos "
            "invoke`, or give its spec `hosting: {mode: batch}`"
        )
    if run.batch_model_name is None:
        raise ModelNotFound(
            f"run {run.run_id} is {run.status} and has no model for batches; `stratos runs` shows "
            "which runs have one"
        )
    deployment = DEPLOYMENT.validate_json(_object(stack, run, RunKeys(run.run_id).deployment))
    assert isinstance(deployment, BatchDeployment), "promoted without an endpoint"
    try:
        stack.sagemaker.describe_model(ModelName=run.batch_model_name)
    except ClientError as error:
        raise ModelNotFound(
            f"the model {run.batch_model_name} of run {run.run_id} is gone from SageMaker "
            f"({error.response['Error']['Message']}); submit the spec again"
        ) from error
    return deployment


def _doubts(
    stack: Stack, run: RunRow, requests: Sequence[str], engine: PlannedEngine | None
) -> str:
    """Which lines the model may refuse, in words; empty if none."""
    if engine is None:
        return ""
    answered = read_object(stack, RunKeys(run.run_id).batch_questions(MEASURED)) or ""
    measured = answered.splitlines()
    found = []
    if lines := maybe_too_long(requests, engine, measured):
        found.append(
            f"{told_lines(lines)} may be too long: a question and its answer have "
            f"{engine.context_tokens:,} tokens together. One line that has more costs the answers "
            "to all the others; shorten it, or ask it in a file of its own"
        )
    if lines := with_unmeasured_tools(requests, measured):
        found.append(
            f"{told_lines(lines)} may be refused: the model was measured without tools. One line "
            "that is refused costs the answers to all the others; ask it in a file of its own"
        )
    return ". ".join(found)


def _object(stack: Stack, run: RunRow, key: str) -> str:
    text = read_object(stack, key)
    if text is None:
        raise ModelNotFound(
            f"{s3_uri(stack.bucket, key)} of run {run.run_id} is gone; submit the spec again"
        )
    return text


def _check_writable(target: Path) -> None:
    """Check this before anything is paid for.

    Raises:
        BatchRejected: the file cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        is_new = not target.exists()
        target.open("a").close()
        if is_new:
            target.unlink()
    except OSError as error:
        raise BatchRejected(
            f"{target} cannot be written: {error}; name another folder with --to"
        ) from error


def _job(
    stack: Stack, run: RunRow, template: TransformJob, requests: Sequence[str]
) -> TransformJob:
    """Upload the questions, and describe the job that asks them."""
    name, keys = f"b{uuid.uuid4().hex[:8]}", RunKeys(run.run_id)
    job_name = stack.names.batches(run.run_id) + name
    key = keys.batch_questions(name)
    stack.s3.put_object(
        Bucket=stack.bucket, Key=key, Body="".join(f"{line}\n" for line in requests).encode()
    )
    job = template.asking(job_name, stack.bucket, key, keys.batch_answers(name, job_name))
    return job.model_copy(update={"tags": [*job.tags, {"Key": BATCH_TAG, "Value": name}]})


def _wait(stack: Stack, job: TransformJob, tell: Callable[[BatchProgress], None]) -> dict[str, Any]:
    begun = time.monotonic()

    def described() -> dict[str, Any]:
        found: dict[str, Any] = stack.sagemaker.describe_transform_job(TransformJobName=job.name)
        tell(BatchProgress(_phase(found), time.monotonic() - begun))
        return found

    return wait_until(
        described,
        lambda found: found["TransformJobStatus"] in _OVER,
        pauses=growing(_PAUSE_SECONDS, by=1.2, longest=_LONGEST_PAUSE_SECONDS),
    )


def _phase(described: dict[str, Any]) -> str:
    if described["TransformJobStatus"] != "InProgress":
        return str(described["TransformJobStatus"]).lower()
    return "at work" if "TransformStartTime" in described else "waiting for a server"


def _answers(stack: Stack, job: TransformJob) -> list[Answer]:
    bucket, prefix = split_uri(job.transform_output["S3OutputPath"])
    listed = stack.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    answers: list[Answer] = []
    for item in listed:
        if item["Key"].endswith(".out"):
            answers += read_answers(
                stack.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            )
    return answers


def _lines(answers: Sequence[Answer]) -> str:
    """One JSON object an answer, with the number of its question's line."""
    told = (json.dumps(_told(*one), ensure_ascii=False) for one in enumerate(answers, 1))
    return "".join(f"{line}\n" for line in told)


def _told(number: int, answer: Answer) -> dict[str, Any]:
    if answer.text is None:
        return {"line": number, "error": answer.error}
    told: dict[str, Any] = {"line": number, "answer": answer.text}
    if answer.calls:
        told["tool_calls"] = listed_calls(answer.calls)
    return told


def batch_command(
    run_id: RunId,
    questions: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Questions: chats or prompts as .jsonl, or a question a line."
        ),
    ],
    to: Annotated[Path, typer.Option(help="Folder that receives the answers.")] = Path(),
    json_: Json = False,
) -> None:
    stack, console = Stack.find(), make_console()
    run = find_run(stack, run_id)
    with console.status("reading the questions") as status:
        done = ask(
            stack,
            run,
            questions,
            to,
            lambda now: status.update(f"{now.status}, {duration(now.seconds)}"),
            lambda doubts: echo(doubts, err=True),
        )
    result = done.result
    if json_:
        print_json({"answers": str(done.answers_path)} | result.model_dump(mode="json"))
        return
    failed = f", {result.num_failed} of them refused" if result.num_failed else ""
    console.print(f"{result.num_requests} answers in {done.answers_path}{failed}", soft_wrap=True)
    console.print(
        f"{duration(result.seconds)} of a server, {money(result.usd)}; {cost_of(result)}",
        soft_wrap=True,
    )
