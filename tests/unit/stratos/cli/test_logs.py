"""Lines of a run's jobs, in order, and of no other run's."""

from __future__ import annotations

import json
from dataclasses import replace

import boto3
import pytest

from stratos.cli.stack import Stack
from stratos.errors import LogsNotFound
from tests.unit.stratos.cli.stack_contents import put_run, run

GROUP = "/aws/sagemaker/TrainingJobs"
STARTED_MS = 1_795_000_000_000


@pytest.fixture
def write(stack):
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=GROUP)

    def put(job, *lines, group=GROUP):
        stream = f"{job}/algo-1-1"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": STARTED_MS + at, "message": text} for at, text in lines]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    return put


def test_lines_of_all_jobs_come_in_the_order_of_time(stack, write):
    put_run(stack, "r-1")
    put_run(stack, "r-1-more")
    write("r-1-probe-t0-0", (0, "probing"), (3000, "probed"))
    write("r-1-distill-a0-0", (2000, "step 1"))
    write("r-1-more-distill-a0-0", (1000, "another run's"))
    code, out = run("logs", "r-1", "--json")
    assert code == 0
    assert [(row["source"], row["line"]) for row in map(json.loads, out.splitlines())] == [
        ("probe-t0", "probing"),
        ("distill-a0", "step 1"),
        ("probe-t0", "probed"),
    ]


@pytest.mark.parametrize("state", ["distill", "Distill"])
def test_a_state_shows_its_own_jobs_with_every_attempt(stack, write, state):
    put_run(stack, "r-1")
    write("r-1-probe-t0-0", (0, "probing"))
    write("r-1-distill-a0-0", (1, "first"))
    write("r-1-distill-a0-1", (2, "second"))
    _, out = run("logs", "r-1", state)
    assert [line.split()[-1] for line in out.splitlines()] == ["first", "second"]


def test_jobs_of_worker_regions_are_among_them(stack, write, monkeypatch):
    away = replace(stack, worker_regions=("eu-west-1",))
    monkeypatch.setattr(Stack, "find", classmethod(lambda cls: away))
    put_run(stack, "r-1")
    write("r-1-probe-t0-0", (0, "at home"))
    logs, stream = boto3.client("logs", region_name="eu-west-1"), "r-1-distill-a0-0/algo-1-1"
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    event = {"timestamp": STARTED_MS + 1, "message": "elsewhere"}
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=[event])
    _, out = run("logs", "r-1")
    assert [line.split(maxsplit=2)[2] for line in out.splitlines()] == ["at home", "elsewhere"]


def test_lines_of_one_moment_keep_their_order(stack, write):
    put_run(stack, "r-1")
    write("r-1-distill-a0-0", (5, "Traceback:"), (5, "File x"), (5, "Error"))
    _, out = run("logs", "r-1")
    assert [line.split(maxsplit=2)[2] for line in out.splitlines()] == [
        *("Traceback:", "File x", "Error"),
    ]


def test_following_ends_when_the_run_has(stack, write, monkeypatch):
    put_run(stack, "r-1", status="running")
    write("r-1-distill-a0-0", (1, "first"))
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        write("r-1-evaluate-a0-0", (2, "last"))
        put_run(stack, "r-1", status="succeeded", ended_at="2026-11-24T09:00:00+00:00")

    monkeypatch.setattr("stratos.cli.logs._sleep", pause)
    _, out = run("logs", "r-1", "--follow")
    assert [line.split()[-1] for line in out.splitlines()] == ["first", "last"]
    assert len(pauses) == 1


def test_no_lines_say_whose_there_are(stack, write):
    put_run(stack, "r-1")
    write("r-1-probe-t0-0", (0, "probing"))
    with pytest.raises(LogsNotFound, match="no lines of 'synthesize'; there are lines of probe-t0"):
        run("logs", "r-1", "synthesize")


def test_the_endpoints_lines_are_shown_when_asked_for(stack):
    put_run(stack, "r-1", started_at="2026-11-01T00:00:00+00:00")
    logs, group = boto3.client("logs"), "/aws/sagemaker/Endpoints/stratos-r"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="AllTraffic/i-1")
    logs.put_log_events(
        logGroupName=group,
        logStreamName="AllTraffic/i-1",
        logEvents=[{"timestamp": STARTED_MS, "message": "listening"}],
    )
    _, out = run("logs", "r-1", "endpoint")
    assert out.split()[-2:] == ["endpoint", "listening"]
