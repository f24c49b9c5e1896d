"""Synthesize: a teacher's verified answers become the records a student is trained on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from stratos.contracts.bucket import RECORDS_FILE, REJECTED_FILE
from stratos.contracts.jobs import SynthesizeConfig, SynthesizeResult
from stratos.contracts.records import Record, write_jsonl
from stratos.contracts.shards import SynthesisCounts
from stratos.errors import BudgetExhausted
from stratos.frozen import FrozenModel
from stratos.sharding.synthesis import require_yield, synthesis_result
from stratos.spec import Bedrock, Logs, OpenAICompatible, Weights
from training.asking.logged_replies import take_logged
from training.asking.questions import WHOLE, read_drawn
from training.asking.rejection_sampling import RejectionSampler, VerifiedRecords
from training.container.host import use_cpus
from training.job.job import Job, run_job
from training.judging.judge import Judge, load_judge
from training.teachers.load import load_teacher
from training.teachers.teacher import ModelUsage

_log = logging.getLogger(__name__)


def synthesize(job: Job[SynthesizeConfig]) -> SynthesizeResult:
    """Take what logs answer rightly, ask the teacher the rest, and upload what verifies.

    Some of what does not verify is uploaded beside it.
    """
    config = job.config
    use_cpus(job.paths)
    judge = load_judge(job, reads_rationales=True)
    gold_only = config.strategy == "injection" and not config.learns_logs
    questions = read_drawn(
        job.paths.channel("dataset"),
        "train",
        config.synthesis.max_records,
        config.seed,
        wanted=lambda record: bool(record.gold) or not gold_only,
        shard=config.shard or WHOLE,
    )
    logged = VerifiedRecords()
    if config.learns_logs:
        job.progress.doing("judging the logged replies")
        keep_thinking = config.synthesis.keep_thinking
        logged = take_logged(questions, judge, keep_thinking=keep_thinking)
    usage, outcome = ModelUsage(), VerifiedRecords()
    if not isinstance(config.teacher, Logs):
        answered = {record.id for record in logged.records}
        left = [record for record in questions if record.id not in answered]
        if config.strategy == "injection":
            left = [record for record in left if record.gold]
        may_have_none = bool(answered) or config.shard is not None
        usage, outcome = _ask(job, config.teacher, left, judge, may_have_none=may_have_none)
    both = _joined(questions, logged, outcome)
    # People look at them above all where too few were kept.
    _upload(job, REJECTED_FILE, both.rejected.attempts())
    counts = SynthesisCounts(
        asked=dict(both.asked),
        kept=dict(both.kept),
        kept_of_logs=len(logged.records),
        rejects=dict(both.rejects),
        written_tokens=both.completion_tokens,
        calls=usage.calls,
        timed_tokens=usage.timed_tokens,
        asking_seconds=usage.seconds,
        unpaid=usage.unpaid + judge.usage.unpaid,
    )
    _log.info("kept %d of %d questions: %s", len(both.records), len(questions), counts)
    if config.shard is None:  # of shards, all together must yield enough
        require_yield(counts, config.synthesis, config.judging.answer_marker)
    _upload(job, RECORDS_FILE, both.records)
    paid = usage.plus(judge.usage)
    return synthesis_result(
        counts,
        strategy=config.strategy,
        seconds=job.clock.seconds,
        usd=paid.usd,
        prompt_tokens=paid.prompt_tokens,
        completion_tokens=paid.completion_tokens,
    )


def _ask(
    job: Job[SynthesizeConfig],
    model: Weights | Bedrock | OpenAICompatible,
    questions: list[Record],
    judge: Judge,
    *,
    may_have_none: bool,
) -> tuple[ModelUsage, VerifiedRecords]:
    """Ask a live teacher.

    Args:
        may_have_none: Logs or other shards give records, so that a teacher without money for one
            call is no end.
    """
    config = job.config
    if not questions:
        return ModelUsage(), VerifiedRecords()
    if isinstance(model, Weights):
        job.progress.doing(f"reading the weights of {model.name}")
    teacher = load_teacher(model, config, job.paths, "teacher", config.seed)
    job.progress.charge(teacher.usage)

    def report(label: str, done: int, total: int) -> None:
        speed = teacher.usage.tokens_per_second or None
        job.progress.report(label, done, total, "calls", tokens_per_second=speed)

    synthesizer = RejectionSampler(
        teacher,
        judge,
        config.synthesis,
        stop=lambda: job.clock.must_end(reserve_seconds=5) is not None,
        on_done=report,
    )
    try:
        return teacher.usage, synthesizer.run(questions, config.strategy)
    except BudgetExhausted as error:
        if not may_have_none:
            raise
        _log.warning("the teacher is not asked: %s", error)
        return teacher.usage, VerifiedRecords()


def _joined(
    questions: list[Record], logged: VerifiedRecords, live: VerifiedRecords
) -> VerifiedRecords:
    """Both, in the order of the questions. A reply that a live teacher was to mend is no reject."""
    told = live if live.asked.total() else logged
    kept = {record.id: record for record in (*logged.records, *live.records)}
    return VerifiedRecords(
        records=[kept[record.id] for record in questions if record.id in kept],
        asked=logged.asked + live.asked,
        kept=logged.kept + live.kept,
        rejects=told.rejects,
        rejected=told.rejected,
        completion_tokens=logged.completion_tokens + live.completion_tokens,
    )


def _upload(job: Job[SynthesizeConfig], name: str, rows: Sequence[FrozenModel]) -> None:
    path = job.paths.output_dir / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(path, rows)
    job.storage.upload_records(path, f"{job.config.records_uri.rstrip('/')}/{name}")


def main() -> int:
    return run_job("synthesize", SynthesizeConfig, synthesize)


if __name__ == "__main__":
    sys.exit(main())
