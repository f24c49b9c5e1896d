"""Following a run, with and without a terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator

import pytest
from rich.console import Console
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli import watch as module
from stratos.cli.run_story import tell
from stratos.cli.watch import Screen, Snapshot, follow, is_submitted
from stratos.contracts.bucket import run_id_of
from stratos.contracts.jobs import Progress
from stratos.contracts.plan import PlannedStep
from stratos.errors import (
    RunNotFound,
)
from tests import factories
from tests.unit.stratos.cli.stack_contents import begin_execution, put_run, run


@pytest.mark.parametrize(
    ("status", "code"),
    [("succeeded", 0), ("unchanged", 0), ("failed", 3), ("rejected", 4), ("stopped", 5)],
)
def test_watch_exits_with_how_the_run_ended(stack, status, code):
    put_run(stack, "r-1", status=status, execution_arn=begin_execution(stack))
    assert run("watch", "r-1", "--json")[0] == code


def test_watch_waits_for_a_run_to_begin_and_gives_up_in_words(stack):
    naps: list[float] = []
    execution_arn = begin_execution(stack)

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            put_run(stack, "r-1", execution_arn=execution_arn)

    told: list[str] = []
    followed = follow(stack, "r-1", sleep=sleep, tell=told.append)
    assert [m.run.status for m in followed] == ["succeeded"]
    assert len(naps) == 3
    assert told == ["waiting up to 60 s for run r-1 to start"]
    with pytest.raises(RunNotFound, match="did not start within 5 s; the latest runs are: r-1"):
        list(follow(stack, "r-9", start_timeout_seconds=5, sleep=naps.append, tell=told.append))
    assert told[1:] == ["waiting up to 5 s for run r-9 to start"]


def test_a_run_that_has_begun_is_followed_without_a_word_before(stack):
    put_run(stack, "r-1", status="succeeded", execution_arn=begin_execution(stack))
    told: list[str] = []
    list(follow(stack, "r-1", tell=told.append))
    assert told == []


def test_without_a_terminal_progress_is_a_line_a_tenth():
    row = factories.run_row("r-1")

    def moment(done: float, step: str = "distill", state: str = "Distill") -> Snapshot:
        progress = Progress(
            step=step,  # type: ignore[arg-type]
            label="student",
            done=done,
            total=200,
            unit="steps",
            seconds=1,
            tokens_per_second=9_000,
            loss=0.5,
            seconds_left=30,
        )
        return Snapshot(row, state, progress)

    console = Console(width=200, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    moments = [moment(1), moment(5), moment(41), moment(42), moment(3, "evaluate"), moment(1)]
    Screen(console).show(iter(moments))
    lines = console.export_text().splitlines()
    console.file.close()
    assert lines == [
        "Distill: student 0/200 steps, 9,000 tokens/s, loss 0.500, 30.0 s left",
        "Distill: student 40/200 steps, 9,000 tokens/s, loss 0.500, 30.0 s left",
        "Distill",
        "Distill: student 0/200 steps, 9,000 tokens/s, loss 0.500, 30.0 s left",
    ]


def test_a_watched_run_that_waits_says_what_for():
    row = factories.run_row("r-1", task_token="t", approve_by="2026-11-27T08:00:00+00:00")
    console = Console(width=200, record=True, file=io.StringIO())
    Screen(console).show(iter([Snapshot(row, "AwaitApproval", None)]))
    assert console.export_text().strip() == (
        "AwaitApproval: `stratos approve r-1` or `stratos reject r-1`, by 2026-11-27T08:00:00+00:00"
    )


def test_a_watched_run_in_the_queue_says_so_once_until_it_moves_up():
    def at(place: int) -> Snapshot:
        row = factories.run_row("r-1", place_token="t", queued=f"place {place} in the queue")
        return Snapshot(row, "AwaitPlace", None)

    assert Watched().lines([at(2)] * 30 + [at(1)] * 30) == [
        "AwaitPlace: place 2 in the queue",
        "AwaitPlace: place 1 in the queue",
    ]


class Watched:
    """A screen without a terminal, and the seconds that pass between snapshots."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.console = Console(width=200, record=True, file=io.StringIO())
        self.screen = Screen(self.console, now=lambda: self.seconds)

    def lines(self, snapshots: Iterable[Snapshot], step: float = 1.0) -> list[str]:
        def passing() -> Iterator[Snapshot]:
            for snapshot in snapshots:
                yield snapshot
                self.seconds += step

        self.screen.show(passing())
        return self.console.export_text().splitlines()


def test_a_state_without_news_is_told_every_ten_seconds():
    waiting = Snapshot(factories.run_row("r-1"), "CreateEndpoint", None)
    assert Watched().lines([waiting] * 25) == [
        "CreateEndpoint",
        "CreateEndpoint: 10.0 s so far",
        "CreateEndpoint: 20.0 s so far",
    ]
    nothing = Snapshot(factories.run_row("r-1"), None, None)
    assert Watched().lines([nothing] * 12) == ["starting", "starting: 10.0 s so far"]


def test_a_job_that_counts_nothing_says_what_it_does():
    doing = Progress(
        step="distill", label="reading the weights", done=0, total=0, unit="", seconds=1
    )
    still = doing.model_copy(update={"quiet_seconds": 8.0})
    row = factories.run_row("r-1")
    moments = [Snapshot(row, "Distill", doing)] * 9 + [Snapshot(row, "Distill", still)] * 3
    assert Watched().lines(moments) == [
        "Distill: reading the weights",
        "Distill: reading the weights, still at it after 8.0 s, 10.0 s so far",
    ]


def test_a_person_is_asked_once():
    row = factories.run_row("r-1", task_token="t", approve_by="2026-11-27T08:00:00+00:00")
    assert len(Watched().lines([Snapshot(row, "AwaitApproval", None)] * 60)) == 1


def test_a_deadline_that_will_cut_is_told_at_once():
    def moment(note: str | None) -> Snapshot:
        progress = Progress(
            step="distill", label="s", done=3, total=650, unit="steps", seconds=9, note=note
        )
        return Snapshot(factories.run_row("r-1"), "Distill", progress)

    note = "381 tokens/s where 8,000 were forecast: step 70 of 650 will be reached"
    changed = note.replace("70", "71")
    assert Watched().lines([moment(None), moment(note), moment(changed)]) == [
        "Distill: s 0/650 steps",
        f"Distill: s 0/650 steps, {note}",
    ]


def test_a_run_that_does_not_begin_is_waited_for_aloud(stack):
    told: list[str] = []
    with pytest.raises(RunNotFound):
        list(
            follow(
                stack,
                "r-9",
                start_timeout_seconds=25,
                poll_seconds=5,
                sleep=lambda _: None,
                tell=told.append,
            )
        )
    assert told == [
        "waiting up to 25 s for run r-9 to start",
        "still waiting for run r-9 to start: 10 s",
        "still waiting for run r-9 to start: 20 s",
    ]


FORECAST = {
    "Distill": PlannedStep(step="distill", hours=0.1, usd=0.5),
    "Evaluate": PlannedStep(step="evaluate", hours=0.05, usd=0.25),
}


def told_at(seconds: dict[str, float], state: str, usd: dict[str, float] | None = None) -> Snapshot:
    story = tell(seconds, usd or {}, FORECAST, state)
    return Snapshot(factories.run_row("r-1", status="running"), state, None, story)


def test_whoever_comes_late_is_told_what_was_before_and_each_state_beside_its_forecast():
    before = {"ClaimRun": 1.0, "Distill": 300.0}
    moments = [
        told_at(before, "Distill", {"Distill": 0.4}),
        told_at(before | {"Distill": 330.0, "Evaluate": 2.0}, "Evaluate", {"Distill": 0.45}),
    ]
    assert Watched().lines(moments) == [
        "before: ClaimRun: 1.0 s",
        "Distill",
        "Distill: 5 min 30 s (forecast 6 min 00 s), $0.45 (forecast $0.50); the run: "
        "5 min 33 s so far, $0.45 of about $0.75, about 2 min 58 s left by forecast",
        "Evaluate",
    ]


def test_in_silence_the_whole_run_is_told_too():
    waiting = [told_at({"Distill": 60.0 + second}, "Distill") for second in range(12)]
    assert Watched().lines(waiting)[-1] == (
        "Distill: 10.0 s so far; the run: 1 min 10 s so far, $0.00 of about $0.75, "
        "about 7 min 50 s left by forecast"
    )


def test_a_terminal_shows_every_state_begun_and_to_come():
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(Screen(console)._picture(told_at({"ClaimRun": 1.0, "Distill": 60.0}, "Distill")))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert lines == [
        "state time forecast spent forecast",
        "✓ ClaimRun 1.0 s",
        "● Distill 1 min 00 s 6 min 00 s $0.00 $0.50",
        "· Evaluate 3 min 00 s $0.25",
        "r-1: 1 min 01 s so far, $0.00 of about $0.75, about 8 min 00 s left by forecast",
    ]


def test_an_unknown_run_is_told_at_once_with_one_like_it(stack):
    put_run(stack, "tiles-1a2b3c4d")
    with pytest.raises(RunNotFound, match="did you mean tiles-1a2b3c4d"):
        run("watch", "tiles-1a2b3c4")


def test_a_run_that_was_submitted_and_has_not_begun_is_no_unknown_one(stack):
    key = "specs/tiles/spec.yaml"
    version = stack.s3.put_object(Bucket="bucket", Key=key, Body=b"x")["VersionId"]
    stack.s3.put_object(Bucket="bucket", Key="specs/tiles/dataset.jsonl", Body=b"x")
    run_id = run_id_of("bucket", key, version)
    assert is_submitted(stack, run_id)
    stack.s3.put_object(Bucket="bucket", Key=key, Body=b"y")
    assert not is_submitted(stack, run_id)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_who_interrupts_is_told_what_goes_on_and_how_to_end_it(stack, monkeypatch, options):
    put_run(stack, "r-1", status="running", execution_arn=begin_execution(stack))

    def interrupted(*args: object, **named: object) -> Iterator[Snapshot]:
        yield Snapshot(factories.run_row("r-1", status="running"), "Distill", None)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "follow", interrupted)
    done = CliRunner().invoke(cli.app, ["watch", "r-1", *options])
    assert done.exit_code == 130
    assert done.stderr == (
        "\nrun r-1 goes on; `stratos watch r-1` follows it again, `stratos stop r-1` ends it\n"
    )


def test_a_line_of_json_tells_the_story_so_far(stack):
    put_run(stack, "r-1", status="succeeded", execution_arn=begin_execution(stack))
    code, out = run("watch", "r-1", "--json")
    assert code == 0
    told = json.loads(out.splitlines()[-1])
    assert told["run_id"] == "r-1"
    assert set(told) >= {"state", "progress", "story"}
