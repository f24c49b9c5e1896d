"""Following a run, with and without a terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest
from rich.console import Console
from rich.live_render import LiveRender
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli import watch as module
from stratos.cli.following import Snapshot
from stratos.cli.run_story import tell
from stratos.cli.watch import Screen, is_submitted
from stratos.contracts.bucket import RunKeys, run_id_of
from stratos.contracts.jobs import Progress
from stratos.contracts.plan import PlannedStep
from stratos.errors import (
    RunNotFound,
)
from tests import factories
from tests.summaries import succeeded_run
from tests.unit.stratos.cli.stack_contents import begin_execution, put_run, run


@pytest.mark.parametrize(
    ("status", "code"),
    [("succeeded", 0), ("unchanged", 0), ("failed", 3), ("rejected", 4), ("stopped", 5)],
)
def test_watch_exits_with_how_the_run_ended(stack, status, code):
    put_run(stack, "r-1", status=status, execution_arn=begin_execution(stack))
    assert run("watch", "r-1", "--json")[0] == code


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


def test_a_run_whose_endpoint_was_deleted_since_says_so_and_exits_with_how_it_ended(stack):
    put_run(stack, "r-1", status="deleted", execution_arn=begin_execution(stack))
    body = succeeded_run().model_copy(update={"run_id": "r-1"}).model_dump_json().encode()
    stack.s3.put_object(Bucket="bucket", Key=RunKeys("r-1").summary, Body=body)
    code, out = run("watch", "r-1")
    assert code == 0
    assert out.endswith("run r-1: deleted\n")


def test_a_watched_run_that_waits_says_what_for():
    row = factories.run_row("r-1", task_token="t", approve_by="2026-11-27T08:00:00+00:00")
    told = (
        "AwaitApproval: waits for you, until 2026-11-27 08:00 UTC (2 h 05 min left): `stratos "
        "approve r-1` puts its model into service, `stratos reject r-1 --reason WHY` does not"
    )
    assert Watched().lines([Snapshot(row, "AwaitApproval", None)]) == [told]
    late = row.model_copy(update={"approve_by": None})
    [untimed] = Watched().lines([Snapshot(late, "AwaitApproval", None)])
    assert untimed.startswith("AwaitApproval: waits for you: `stratos approve r-1`")


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
        self.screen = Screen(
            self.console,
            now=lambda: self.seconds,
            clock=lambda: datetime(2026, 11, 27, 5, 55, tzinfo=UTC),
        )

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


def test_a_person_is_asked_at_once_and_again_every_ten_minutes():
    row = factories.run_row("r-1", task_token="t", approve_by="2026-11-27T08:00:00+00:00")
    lines = Watched().lines([Snapshot(row, "AwaitApproval", None)] * 62, step=20.0)
    assert len(lines) == 3
    assert all("stratos approve r-1" in line for line in lines)


def test_every_state_that_begins_says_what_is_left_of_the_run():
    begun = {"Distill": 360.0, "Evaluate": 60.0}
    moments = [told_at(begun, "Evaluate"), told_at(begun | {"CheckQuality": 1.0}, "CheckQuality")]
    assert Watched().lines(moments[:1])[-1] == "Evaluate: about 2 min 00 s left by forecast"
    assert Watched().lines(moments)[-2].endswith("its forecast time is over")


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
        "Distill: about 4 min 00 s left by forecast",
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
        "r-1: 1 min 01 s so far, $0.00 of about $0.75, about 8 min 00 s left by forecast",
        "state time forecast spent forecast",
        "✓ ClaimRun 1.0 s",
        "● Distill 1 min 00 s 6 min 00 s $0.00 $0.50",
        "· Evaluate 3 min 00 s $0.25",
    ]


@pytest.mark.parametrize("current", [0, 14, 29])
def test_a_low_terminal_shows_what_is_waited_for_and_the_phases_around_it(current):
    row = factories.run_row("r-1", queued="place 2 in the queue")
    begun = {f"Phase{number}": 1.0 for number in range(30)}
    console = Console(width=80, height=20, record=True, file=io.StringIO())
    story = tell(begun, {}, {}, f"Phase{current}")
    picture = Screen(console)._picture(Snapshot(row, f"Phase{current}", None, story))
    console.print(LiveRender(picture))
    lines = console.export_text().splitlines()
    assert len(lines) == 20
    assert lines[0].startswith("r-1: 30.0 s so far")
    assert "place 2 in the queue" in lines[1]
    assert [line.split()[1] for line in lines if "●" in line] == [f"Phase{current}"]
    console.print(Screen(console)._picture(Snapshot(row, "AwaitPlace", None)))
    assert console.export_text().startswith("place 2 in the queue")


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
    assert not is_submitted(stack, "tile-1a2b3c4d")


def test_a_submitted_run_is_found_beside_many_specs_whose_names_begin_as_its_own(
    stack, monkeypatch
):
    version = stack.s3.put_object(Bucket="bucket", Key="specs/tiles/spec.yaml", Body=b"x")
    monkeypatch.setattr(stack.s3, "list_objects_v2", pytest.fail)
    assert is_submitted(stack, run_id_of("bucket", "specs/tiles/spec.yaml", version["VersionId"]))


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
