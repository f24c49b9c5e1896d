"""What follows a round of the jobs that share a step: another round, their merge, or the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lambdas.aws.job_names import job_name
from lambdas.aws.run_files import RunFiles
from lambdas.aws.shard_files import ShardFiles
from lambdas.jobs.merging import merge_evaluation, merge_synthesis
from lambdas.jobs.spending import begun_at, outlay_of, token_usd
from stratos.contracts.jobs import (
    EvaluateConfig,
    EvaluateResult,
    SynthesizeConfig,
    SynthesizeResult,
)
from stratos.contracts.run import RunRef
from stratos.errors import ShardsFailed
from stratos.moment import now
from stratos.pipeline.job_failure import classify
from stratos.pipeline.sharded import ShardedJob, ShardOutcome
from stratos.pipeline.steps import JobFailure, TrainingJob
from stratos.planning.deadlines import MIN_SECONDS
from stratos.planning.forecast.start_up import job_start
from stratos.sharding.money import handed_out_again
from stratos.sharding.number import Split, shard_step

MOST_ROUNDS = 4
_WAITED_FOR = ("capacity", "quota")
"""What others hold now, and give back when they end."""
_LONGER = 3
"""Times that a job may take what it took before: it answers more, if there is more money."""
_SILENT = "its execution ended without a word; its Map Run shows why"


@dataclass(frozen=True)
class Round:
    """A round that is over."""

    run: RunRef
    sharded: ShardedJob
    outcomes: Sequence[ShardOutcome | None]

    def following(self) -> ShardedJob:
        """Merge what all have made, or prepare the jobs that are tried once more.

        May be repeated.

        Raises:
            ShardsFailed: some shards were given up.
            TooFewVerifiedRecords: all together kept too few.
            TeacherFailed: a model answered too few questions, over all.
        """
        jobs = self._jobs()
        results = {step: self._result(index) for index, step in enumerate(self._steps)}
        missing = [step for step, result in results.items() if result is None]
        others = self._next(jobs, missing) if missing else self._for_money(jobs, results)
        if others is not None:
            return others
        found = [result for result in results.values() if result is not None]
        self._merge(found)
        return self.sharded.model_copy(update={"num_jobs": 0})

    # --- another round --------------------------------------------------------------------------

    def _next(self, jobs: Mapping[str, TrainingJob], missing: Sequence[str]) -> ShardedJob | None:
        """Shards for which there was no server, once others have given theirs back.

        Raises:
            ShardsFailed: another round would bring nothing.
        """
        told = {one.step: one for one in self.outcomes if one is not None}
        done = sum(step not in missing for step in jobs)
        seconds = self._seconds_left(jobs)
        waiting = all(_waits(told.get(step)) for step in missing)
        if not (waiting and done and self._may_go_on(seconds)):
            raise ShardsFailed(self._explained(missing, told))
        return self._again({step: {} for step in missing}, jobs, done, seconds)

    def _for_money(
        self,
        jobs: Mapping[str, TrainingJob],
        results: Mapping[str, SynthesizeResult | EvaluateResult | None],
    ) -> ShardedJob | None:
        """Shards without money, if others left enough of theirs: more than the servers cost."""
        budget, seconds = self.sharded.budget_usd, self._seconds_left(jobs)
        hungry = [step for step, result in results.items() if _unpaid(result)]
        if budget is None or not hungry or not self._may_go_on(seconds):
            return None
        every = {step: self._job_of(index, jobs) for index, step in enumerate(self._steps)}
        asked = {step: every[step] for step in hungry}
        most_seconds = self._seconds_again(asked, seconds)
        if most_seconds is None:
            return None
        spent = {step: token_usd(self.run, step) for step in self._steps}
        unused = {step: self._unused_usd(step, spent[step]) for step in hungry}
        servers_usd = self._servers_usd(asked, most_seconds)
        most_usd = min(budget - sum(spent.values()), self._usd_left() - servers_usd)
        given = handed_out_again(budget, spent, unused, most_usd)
        if not given or most_usd <= servers_usd:
            return None
        for index, step in enumerate(self._steps):
            if step in given and isinstance(results[step], EvaluateResult):
                ShardFiles(self.run, self.sharded.step).keep_evaluated(index)
        changes = {
            step: {"budget_usd": usd, "spent_usd": spent[step]} for step, usd in given.items()
        }
        return self._again(changes, every, self.sharded.at_once, seconds, most_seconds)

    def _seconds_again(self, asked: Mapping[str, TrainingJob], seconds: float) -> float | None:
        """That each of some jobs may take once more; None where they would do less than before."""
        files = ShardFiles(self.run, self.sharded.step)
        longest = max(files.worked_seconds(step) for step in asked)
        split = Split(len(asked), min(self.sharded.at_once, len(asked)))
        start = max(job_start(_instance_type(job)).seconds for job in asked.values())
        each = split.seconds_each(seconds, start)
        # An evaluation begins anew; a synthesis has the answers that it paid.
        least = longest if self.sharded.step.startswith("evaluate") else MIN_SECONDS
        if each < least:
            return None
        return min(each, max(MIN_SECONDS, _LONGER * longest))

    def _servers_usd(self, asked: Mapping[str, TrainingJob], seconds: float) -> float:
        """What jobs cost that take all the time they may."""
        files = RunFiles(self.run)
        return sum(
            files.job_config(step).usd_per_hour
            * (seconds + job_start(_instance_type(job)).seconds)
            / 3600
            for step, job in asked.items()
        )

    def _usd_left(self) -> float:
        """Of the run."""
        limit = RunFiles(self.run).spec().constraints.max_budget_usd
        return math.inf if limit is None else limit - outlay_of(self.run).usd

    def _unused_usd(self, step: str, spent_usd: float) -> float:
        """What a shard had left, which was too little for its next call."""
        config = RunFiles(self.run).job_config(step)
        given = 0.0 if config.budget_usd is None else config.budget_usd
        return max(0.0, given - (spent_usd - config.spent_usd))

    def _again(
        self,
        changes: Mapping[str, Mapping[str, float]],
        jobs: Mapping[str, TrainingJob],
        at_once: int,
        seconds: float,
        most_seconds: float = math.inf,
    ) -> ShardedJob:
        """The next round: some shards, with what is changed of their configuration."""
        number, files = self.sharded.round + 1, ShardFiles(self.run, self.sharded.step)
        split = Split(len(changes), min(at_once, len(changes)))
        told = {one.step: one.attempt for one in self.outcomes if one is not None}
        attempts = {**self.sharded.attempts, **told}
        following = []
        for step, values in changes.items():
            job = jobs[step]
            start = job_start(_instance_type(job)).seconds
            each = max(MIN_SECONDS, min(most_seconds, split.seconds_each(seconds, start)))
            RunFiles(self.run).change_job_config(step, {**values, "deadline_seconds": each})
            attempt = max(job.attempt, attempts.get(step, 0)) + 1
            name = job_name(self.run.run_id, step, attempt)
            following.append(job.model_copy(update={"attempt": attempt, "name": name}))
        return self.sharded.model_copy(
            update={
                "manifest_key": files.put_jobs(number, following),
                "num_jobs": split.num_shards,
                "at_once": split.at_once,
                "round": number,
                "seconds_left": seconds,
                "began_at": now(),
                "attempts": attempts,
            }
        )

    def _may_go_on(self, seconds: float) -> bool:
        return seconds >= MIN_SECONDS and self.sharded.round + 1 < MOST_ROUNDS

    def _seconds_left(self, jobs: Mapping[str, TrainingJob]) -> float:
        """Of the step, after all that this round took, with waits and crashes, and one start."""
        began = self.sharded.began_at or begun_at(self.run, jobs)
        took = 0.0 if began is None else (now() - began).total_seconds()
        start = max(job_start(_instance_type(job)).seconds for job in jobs.values())
        return self.sharded.seconds_left - took - start

    # --- the end --------------------------------------------------------------------------------

    def _merge(self, results: Sequence[SynthesizeResult | EvaluateResult]) -> None:
        files = ShardFiles(self.run, self.sharded.step)
        config = RunFiles(self.run).job_config(self.sharded.step)
        if isinstance(config, SynthesizeConfig):
            parts = [one for one in results if isinstance(one, SynthesizeResult)]
            merge_synthesis(files, parts, config)
        else:
            assert isinstance(config, EvaluateConfig), "no other step is split"
            merge_evaluation(files, [one for one in results if isinstance(one, EvaluateResult)])

    def _explained(self, missing: Sequence[str], told: Mapping[str, ShardOutcome]) -> str:
        reasons = [f"{step}: {_why(told.get(step))}" for step in missing]
        num, kept = self.sharded.num_shards, self.sharded.num_shards - len(missing)
        others = (
            f"What the other {kept} made is kept: shards/ and jobs/ of run {self.run.run_id} hold "
            "it, by step. "
            if kept
            else ""
        )
        return (
            f"{len(missing)} of {num} jobs that share {self.sharded.step} could not be brought to "
            f"their end, and all are needed. {'; '.join(reasons)}. {others}Mend what they report "
            "and submit the spec again, or set constraints.servers_per_step to 1"
        )

    # --- what there is --------------------------------------------------------------------------

    @property
    def _steps(self) -> list[str]:
        return [shard_step(self.sharded.step, i) for i in range(self.sharded.num_shards)]

    def _jobs(self) -> dict[str, TrainingJob]:
        """Of this round, by step."""
        files = ShardFiles(self.run, self.sharded.step)
        return {job.step: job for job in files.jobs(self.sharded.round)}

    def _job_of(self, index: int, jobs: Mapping[str, TrainingJob]) -> TrainingJob:
        """The last job of a shard: of this round, or of an earlier one."""
        step, files = self._steps[index], ShardFiles(self.run, self.sharded.step)
        for number in range(self.sharded.round, -1, -1):
            known = jobs if number == self.sharded.round else _by_step(files.jobs(number))
            if step in known:
                return known[step]
        raise AssertionError(f"no round had {step}")

    def _result(self, index: int) -> SynthesizeResult | EvaluateResult | None:
        files = ShardFiles(self.run, self.sharded.step)
        if self.sharded.step.startswith("synthesize"):
            return files.find_synthesized(index)
        return files.find_evaluated(index)


def _by_step(jobs: Sequence[TrainingJob]) -> dict[str, TrainingJob]:
    return {job.step: job for job in jobs}


def _waits(outcome: ShardOutcome | None) -> bool:
    """Whether a shard only lacked a server."""
    if outcome is None or outcome.failed is None:
        return False
    failure = JobFailure(Error=outcome.error, Cause=outcome.failed)
    return classify(failure, None).outcome in _WAITED_FOR


def _why(outcome: ShardOutcome | None) -> str:
    return _SILENT if outcome is None or outcome.failed is None else outcome.failed


def _unpaid(result: SynthesizeResult | EvaluateResult | None) -> int:
    if isinstance(result, SynthesizeResult):
        return result.counts.unpaid if result.counts is not None else 0
    return result.part.unpaid if result is not None and result.part is not None else 0


def _instance_type(job: TrainingJob) -> str:
    wanted = job.resource_config.get("InstancePreferences") or [job.resource_config]
    return str(wanted[0]["InstanceType"])
