"""`stratos samples`: what a teacher wrote, kept and rejected, a page at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal

import typer
from botocore.exceptions import ClientError

from stratos.cli.runs import find_run
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RECORDS_FILE, REJECTED_FILE, RunKeys
from stratos.contracts.messages import calls_text
from stratos.contracts.records import SampledAttempt, TrainingRecord
from stratos.errors import RunNotFound
from stratos.frozen import FrozenModel
from stratos.units import count

PAGE_SIZE = 10
console = make_console()


class SamplePage(FrozenModel):
    """What `stratos samples --json` prints."""

    format_version: Literal[1] = 1
    run_id: str
    student: int
    """They were written for the run's student of this number; the first is 0."""
    page: int
    pages: int
    num: int
    """Records on all pages."""
    reasons: dict[str, int]
    """Of the rejected attempts that are stored: reason → how many."""
    records: tuple[SampledAttempt, ...]


def samples_command(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")],
    rejected: Annotated[
        bool, typer.Option("--rejected/--accepted", help="Which of them; by default accepted.")
    ] = False,
    reason: Annotated[
        str | None,
        typer.Option(help="Only those rejected for this reason, or one that begins so."),
    ] = None,
    page: Annotated[int, typer.Option(min=1, help=f"Which {PAGE_SIZE} records.")] = 1,
    student: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Those for the run's student N, from 0; by default its last."
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Page through what a run's teacher wrote: records that were kept, or attempts rejected.

    All kept records are there; of the rejected ones, at most 50 for each reason, drawn by chance.
    """
    stack = Stack.find()
    find_run(stack, run_id)
    shown = read_page(stack, run_id, rejected=rejected, reason=reason, page=page, student=student)
    if json_:
        console.out(shown.model_dump_json(indent=2), highlight=False)
    else:
        _print(shown)


def read_page(
    stack: Stack,
    run_id: str,
    *,
    rejected: bool,
    reason: str | None = None,
    page: int = 1,
    student: int | None = None,
) -> SamplePage:
    """One page of what a run's teacher wrote.

    Args:
        rejected: Attempts that were rejected, instead of the records that were kept.
        reason: Only attempts rejected for this reason, or one that begins so.
        page: From 1.
        student: Those for the run's student of this number; by default its last.

    Raises:
        RunNotFound: there are no records.
    """
    number = _last_student(stack, run_id) if student is None else student
    folder = RunKeys(run_id).records_of(number)
    reasons: Counter[str] = Counter()
    chosen: list[SampledAttempt] = []
    num = 0
    attempts = (
        _rejected(stack, folder)
        if rejected or reason is not None
        else map(SampledAttempt.of_kept, _kept(stack, folder))
    )
    for one in attempts:
        if one.reason is not None:
            reasons[one.reason] += 1
        if reason is None or (one.reason or "").startswith(reason):
            if num // PAGE_SIZE == page - 1:
                chosen.append(one)
            num += 1
    return SamplePage(
        run_id=run_id,
        student=number,
        page=page,
        pages=-(-num // PAGE_SIZE),
        num=num,
        reasons=dict(reasons.most_common()),
        records=tuple(chosen),
    )


def _last_student(stack: Stack, run_id: str) -> int:
    """The number of the last student that records were written for.

    Raises:
        RunNotFound: if there are none.
    """
    prefix = RunKeys(run_id).records
    listed = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix=prefix).get("Contents", [])
    numbers = [
        int(found[1])
        for item in listed
        if (found := re.match(r"a(\d+)/", item["Key"].removeprefix(prefix)))
    ]
    if not numbers:
        raise RunNotFound(
            f"run {run_id} has no records yet, or none any more: its teacher has not answered so "
            "far, or they were deleted"
        )
    return max(numbers)


def _rejected(stack: Stack, folder: str) -> Iterator[SampledAttempt]:
    for line in _lines(stack, folder + REJECTED_FILE):
        yield SampledAttempt.model_validate_json(line)


def _kept(stack: Stack, folder: str) -> Iterator[TrainingRecord]:
    for line in _lines(stack, folder + RECORDS_FILE):
        yield TrainingRecord.model_validate_json(line)


def _lines(stack: Stack, key: str) -> Iterator[bytes]:
    try:
        body = stack.s3.get_object(Bucket=stack.bucket, Key=key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return
        raise
    yield from body.iter_lines()


def _print(shown: SamplePage) -> None:
    for reason, num in shown.reasons.items():
        console.print(f"rejected, {reason}: {num} stored", markup=False, highlight=False)
    for one in shown.records:
        label = f"{one.id}  {one.reason or 'kept'} ({one.strategy}, attempt {one.attempts})"
        console.print()
        console.print(label, style="red" if one.reason else "green", markup=False, highlight=False)
        answered = one.completion + (f"\n{calls_text(one.tool_calls)}" if one.tool_calls else "")
        for title, text in (("question", one.question), ("reply", answered), ("gold", one.answer)):
            if text is not None:
                console.print(title, style="dim")
                console.out(text, highlight=False)
    if not shown.num:
        console.print(f"run {shown.run_id} has no such record", markup=False, highlight=False)
        return
    console.print()
    pages = f"page {shown.page} of {shown.pages}, {count(shown.num, 'record')}"
    console.print(pages, highlight=False)
