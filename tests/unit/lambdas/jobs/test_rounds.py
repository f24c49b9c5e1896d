"""What follows a round of the jobs that share a step."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.aws.run_files import RunFiles
from lambdas.aws.shard_files import ShardFiles
from lambdas.jobs.rounds import MOST_ROUNDS
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import EvaluateResult, SynthesizeResult
from stratos.contracts.regions import JobElsewhere
from stratos.errors import ShardsFailed, TooFewVerifiedRecords
from stratos.moment import now
from stratos.planning.forecast.start_up import job_start
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.jobs.sharded_runs import (
    NO_QUOTA,
    STEP,
    gather,
    leave,
    manifest,
    matched,
    outcomes,
    result,
)
from tests.unit.lambdas.pipeline import Pipeline
from tests.unit.stratos.sharding.test_evaluation import CONSTANT, STUDENT, TEACHER, UNTUNED
from tests.unit.stratos.sharding.test_evaluation import result_of as evaluated

BROKEN = {"failed": "the job's program was killed by SIGKILL: out of memory", "error": "X"}


def test_once_all_have_ended_the_results_are_one(account: Account) -> None:
    pipeline = matched(account)
    for index in range(3):
        leave(account, pipeline, index, result(kept=8))
    gathered = gather(pipeline, outcomes())
    assert gathered["num_jobs"] == 0
    keys = RunKeys(pipeline.run.run_id)
    merged = SynthesizeResult.model_validate_json(account.read(keys.job_result(STEP)))
    assert (merged.kept, merged.asked, merged.rejects) == (24, 30, {"cut": 6})
    lines = account.read(keys.records_of(0) + "records.jsonl").decode().splitlines()
    assert [json.loads(line)["id"] for line in lines][:9] == [f"s0-{n}" for n in range(8)] + [
        "s1-0"
    ]
    assert len(lines) == 24
    assert gather(pipeline, outcomes()) == gathered  # as after a call that was lost


def begin_elsewhere(
    account: Account, pipeline: Pipeline, step: str, at: datetime, seconds: float = 20.0
) -> None:
    """A job of another region that has ended."""
    job = JobElsewhere(
        name=f"{step}-elsewhere",
        step=step,
        region="eu-west-1",
        handed_over_at=at,
        seen_at=at,
        max_seconds=7200,
        status="Completed",
        billed_seconds=seconds,
    )
    account.put(RunKeys(pipeline.run.run_id).job_elsewhere(job.name), job.model_dump_json())


def test_a_shard_that_only_lacked_a_server_is_tried_alone_once_others_are_done(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, at = matched(account), now()
    monkeypatch.setattr("lambdas.jobs.rounds.now", lambda: at)
    before = RunFiles(pipeline.run).job_config(f"{STEP}-s1").deadline_seconds
    # The jobs worked 20 s in the end; with crashes and waits they took more.
    for step, ago in ((f"{STEP}-s0", 500), (f"{STEP}-s2", 1000), ("distill-a0", 2000)):
        begin_elsewhere(account, pipeline, step, at - timedelta(seconds=ago))
    for index in (0, 2):
        leave(account, pipeline, index, result(kept=8, seconds=20.0))
    following = gather(pipeline, outcomes(s1={**NO_QUOTA, "attempt": 2}))
    assert (following["num_jobs"], following["at_once"], following["round"]) == (1, 1, 1)
    [job] = manifest(account, following)
    assert (job.step, job.attempt) == (f"{STEP}-s1", 3)
    assert job.name == f"{pipeline.run.run_id}-{STEP}-s1-3"
    config = RunFiles(pipeline.run).job_config(job.step)
    assert config.deadline_seconds == pytest.approx(
        before - 1000 - job_start("ml.local.cpu1").seconds
    )
    leave(account, pipeline, 1, result(kept=8))
    assert gather(pipeline, [outcomes()[1]], following)["num_jobs"] == 0


def test_a_shard_is_tried_again_where_it_was_tried_last(account: Account) -> None:
    pipeline = matched(account)
    second = manifest(account, pipeline.state["match"]["synthesis_shards"])[1]
    moved = second.model_copy(update={"region": "eu-west-1", "attempt": 2})
    ShardFiles(pipeline.run, STEP).put_retried(moved)
    for index in (0, 2):
        leave(account, pipeline, index, result(kept=8))
    following = gather(pipeline, outcomes(s1={**NO_QUOTA, "attempt": 2}))
    [job] = manifest(account, following)
    assert (job.region, job.attempt) == ("eu-west-1", 3)


def test_a_shard_that_failed_for_good_ends_the_step_in_words(account: Account) -> None:
    pipeline = matched(account)
    for index in (0, 2):
        leave(account, pipeline, index, result(kept=8))
    with pytest.raises(ShardsFailed) as caught:
        gather(pipeline, outcomes(s1=BROKEN))
    message = str(caught.value)
    assert message.startswith("1 of 3 jobs that share synthesize-a0 could not be brought to their")
    assert f"{STEP}-s1: the job's program was killed by SIGKILL" in message
    assert "What the other 2 made is kept" in message
    # And it is.
    assert account.keys(RunKeys(pipeline.run.run_id).records_of_shard(f"{STEP}-s0"))


def test_a_shard_whose_execution_said_nothing_is_named(account: Account) -> None:
    pipeline = matched(account)
    leave(account, pipeline, 0, result(kept=8))
    with pytest.raises(ShardsFailed, match="its execution ended without a word"):
        gather(pipeline, [outcomes()[0], None, None])


def test_nobody_waits_for_a_server_where_none_was_ever_had(account: Account) -> None:
    pipeline = matched(account)
    lacking = outcomes(s0=NO_QUOTA, s1=NO_QUOTA, s2=NO_QUOTA)
    with pytest.raises(ShardsFailed, match="3 of 3 jobs"):
        gather(pipeline, lacking)


def test_rounds_end_with_their_number_and_with_the_time(account: Account) -> None:
    pipeline = matched(account)
    leave(account, pipeline, 0, result(kept=8))
    lacking = outcomes(s1=NO_QUOTA, s2=NO_QUOTA)
    first = pipeline.state["match"]["synthesis_shards"]
    with pytest.raises(ShardsFailed):
        gather(pipeline, lacking, first | {"seconds_left": 30.0})
    account.put(
        RunKeys(pipeline.run.run_id).shards(STEP, MOST_ROUNDS - 1),
        account.read(first["manifest_key"]),
    )
    with pytest.raises(ShardsFailed):
        gather(pipeline, lacking, first | {"round": MOST_ROUNDS - 1})


def test_too_few_records_are_counted_over_all_shards(account: Account) -> None:
    pipeline = matched(account)
    for index, kept in enumerate((10, 0, 0)):
        leave(account, pipeline, index, result(kept=kept, asked=100))
    with pytest.raises(TooFewVerifiedRecords, match="10 of 300 questions ended verified"):
        gather(pipeline, outcomes())
    rejected = account.read(RunKeys(pipeline.run.run_id).records_of(0) + "rejected.jsonl")
    assert rejected.count(b"\n") == 3


def test_what_some_shards_leave_of_the_money_goes_to_those_that_had_too_little(
    account: Account,
) -> None:
    pipeline = matched(account, max_budget_usd=30)
    sharded = pipeline.state["match"]["synthesis_shards"]
    share = sharded["budget_usd"] / 3
    leave(account, pipeline, 0, result(kept=8, usd=0.2 * share))
    leave(account, pipeline, 1, result(kept=4, unpaid=6, usd=share))
    leave(account, pipeline, 2, result(kept=8, usd=0.2 * share))
    following = gather(pipeline, outcomes())
    [job] = manifest(account, following)
    config = RunFiles(pipeline.run).job_config(job.step)
    assert job.step == f"{STEP}-s1"
    assert (config.budget_usd, config.spent_usd) == (pytest.approx(1.6 * share), share)
    leave(account, pipeline, 1, result(kept=8, usd=2.5 * share))
    assert gather(pipeline, [outcomes()[1]], following)["num_jobs"] == 0


EVALUATION = "evaluate-a0"


def evaluation(account: Account) -> Pipeline:
    """A run whose evaluation has two whole parts, and one whose teacher was asked half of it."""
    pipeline = matched(account, max_budget_usd=30)
    for index in range(3):
        leave_evaluated(account, pipeline, index, unpaid=4 * (index == 1))
    return pipeline


def leave_evaluated(account: Account, pipeline: Pipeline, index: int, unpaid: int = 0) -> None:
    part = slice(8 * index, 8 * index + 8)
    theirs = TEACHER[part][: 8 - unpaid] + "-" * unpaid
    made = evaluated(STUDENT[part], theirs, UNTUNED[part], CONSTANT[part])
    assert made.part is not None
    paid = made.part.model_copy(update={"unpaid": unpaid})
    told = made.model_copy(update={"part": paid, "seconds": 300.0, "usd": 0.01})
    account.put_result(pipeline.run, f"{EVALUATION}-s{index}", told)


def told_of_evaluation(*indices: int) -> list[dict[str, Any]]:
    return [{"step": f"{EVALUATION}-s{index}", "attempt": 0} for index in indices]


def teacher_of(account: Account, pipeline: Pipeline) -> tuple[int, int]:
    """Right answers of the teacher in the evaluation of all parts, and of how many."""
    key = RunKeys(pipeline.run.run_id).job_result(EVALUATION)
    merged = EvaluateResult.model_validate_json(account.read(key))
    return merged.teacher.successes, merged.teacher.n


def test_an_evaluation_that_was_asked_again_is_not_replaced_by_one_of_fewer_answers(
    account: Account,
) -> None:
    pipeline = evaluation(account)
    sharded = pipeline.state["match"]["evaluation_shards"]
    following = gather(pipeline, told_of_evaluation(0, 1, 2), sharded)
    assert [job.step for job in manifest(account, following)] == [f"{EVALUATION}-s1"]
    leave_evaluated(account, pipeline, 1, unpaid=7)  # its server was slow, and time ran out
    last = following | {"round": MOST_ROUNDS - 1}
    account.put(
        RunKeys(pipeline.run.run_id).shards(EVALUATION, MOST_ROUNDS - 1),
        account.read(following["manifest_key"]),
    )
    assert gather(pipeline, told_of_evaluation(1), last)["num_jobs"] == 0
    assert teacher_of(account, pipeline)[1] == 20
    leave_evaluated(account, pipeline, 1)
    assert gather(pipeline, told_of_evaluation(1), last)["num_jobs"] == 0
    assert teacher_of(account, pipeline)[1] == 24


def test_an_evaluation_is_not_asked_again_in_less_time_than_it_took(account: Account) -> None:
    pipeline = evaluation(account)
    sharded = pipeline.state["match"]["evaluation_shards"]
    start = job_start("ml.local.cpu1").seconds
    short = sharded | {"seconds_left": start + 299.0}
    assert gather(pipeline, told_of_evaluation(0, 1, 2), short)["num_jobs"] == 0
    enough = sharded | {"seconds_left": start + 301.0}
    assert gather(pipeline, told_of_evaluation(0, 1, 2), enough)["num_jobs"] == 1


def test_no_more_jobs_begin_for_money_that_the_run_needs_for_their_servers(
    account: Account,
) -> None:
    pipeline = evaluation(account)
    sharded = pipeline.state["match"]["evaluation_shards"]
    assert gather(pipeline, told_of_evaluation(0, 1, 2), sharded)["num_jobs"] == 1
    usd_per_hour = RunFiles(pipeline.run).job_config("distill-a0").usd_per_hour
    seconds = 29.98 / usd_per_hour * 3600
    begin_elsewhere(account, pipeline, "distill-a0", now(), seconds)
    assert gather(pipeline, told_of_evaluation(0, 1, 2), sharded)["num_jobs"] == 0


def test_no_name_of_a_job_is_used_in_two_rounds(account: Account) -> None:
    pipeline = matched(account, max_budget_usd=30)
    share = pipeline.state["match"]["synthesis_shards"]["budget_usd"] / 3
    leave(account, pipeline, 0, result(kept=4, unpaid=6, usd=share))
    leave(account, pipeline, 2, result(kept=8))
    # The first was killed once, and the second found no server at all.
    waiting = gather(pipeline, outcomes(s0={"attempt": 1}, s1={**NO_QUOTA, "attempt": 3}))
    assert [job.attempt for job in manifest(account, waiting)] == [4]
    leave(account, pipeline, 1, result(kept=8))
    again = gather(pipeline, [{"step": f"{STEP}-s1", "attempt": 4}], waiting)
    [job] = manifest(account, again)
    assert (job.step, job.attempt, again["round"]) == (f"{STEP}-s0", 2, 2)


@pytest.mark.parametrize("seed", range(8))
def test_all_shards_of_all_rounds_keep_to_the_budget_of_the_step(
    account: Account, seed: int
) -> None:
    draw = random.Random(seed)
    pipeline = matched(account, max_budget_usd=30)
    sharded, files = pipeline.state["match"]["synthesis_shards"], RunFiles(pipeline.run)
    limit = sharded["budget_usd"]
    wanted = [draw.uniform(0, limit) for _ in range(3)]
    spent = [0.0, 0.0, 0.0]
    while sharded["num_jobs"]:
        jobs = manifest(account, sharded)
        for job in jobs:
            index, config = int(job.step[-1]), files.job_config(job.step)
            assert config.budget_usd is not None
            assert config.spent_usd == pytest.approx(spent[index])
            spent[index] += min(config.budget_usd, wanted[index] - spent[index])
            short = wanted[index] - spent[index] > 1e-9
            leave(account, pipeline, index, result(kept=8, unpaid=short, usd=spent[index]))
        assert sum(spent) <= limit * (1 + 1e-9)
        told = [{"step": job.step, "attempt": job.attempt} for job in jobs]
        sharded = gather(pipeline, told, sharded)
    assert sharded["round"] < MOST_ROUNDS
