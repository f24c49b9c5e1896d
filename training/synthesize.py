"""Synthesize: a teacher's verified answers become the records a student is trained on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from stratos.contracts.bucket import RECORDS_FILE, REJECTED_FILE
from stratos.contracts.jobs import SynthesizeConfig, SynthesizeResult
from stratos.contracts.records import write_jsonl
from stratos.errors import TooFewVerifiedRecords
from stratos.frozen import FrozenModel
from stratos.scoring.reasons import too_few
from stratos.spec import Weights
from stratos.statistics.wilson import proportion
from training.asking.questions import read_split, sample
from training.asking.rejection_sampling import RejectionSampler, VerifiedRecords
from training.container.host import use_cpus
from training.job.job import Job, run_job
from training.judging.judge import load_judge
from training.teachers.load import load_teacher

_log = logging.getLogger(__name__)


def synthesize(job: Job[SynthesizeConfig]) -> SynthesizeResult:
    """Ask the teacher, keep what verifies, and upload it beside some of what does not."""
    config = job.config
    use_cpus(job.paths)
    judge = load_judge(job)
    questions = read_split(job.paths.channel("dataset"), "train")
    if config.strategy == "injection":
        questions = [record for record in questions if record.gold]
    questions = sample(questions, config.synthesis.max_records, config.seed)
    if isinstance(config.teacher, Weights):
        job.progress.doing(f"reading the weights of {config.teacher.name}")
    teacher = load_teacher(config.teacher, config, job.paths, "teacher", config.seed)
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
    outcome = synthesizer.run(questions, config.strategy)
    # People look at them above all where too few were kept.
    _upload(job, REJECTED_FILE, outcome.rejected.attempts())
    asked = max(outcome.asked.values(), default=0)
    _require_yield(outcome, asked, config)

    kept = _upload(job, RECORDS_FILE, outcome.records)
    usage = teacher.usage.plus(judge.usage)
    return SynthesizeResult(
        seconds=job.clock.seconds,
        usd=usage.usd,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        strategy=config.strategy,
        asked=asked,
        kept=kept,
        calls=teacher.usage.calls,
        yield_by_strategy={
            strategy: proportion(outcome.kept[strategy], num_asked)
            for strategy, num_asked in outcome.asked.items()
        },
        rejects=dict(outcome.rejects.most_common()),
        tokens_per_second=teacher.usage.tokens_per_second,
        mean_completion_tokens=outcome.completion_tokens / max(1, kept),
    )


def _upload(job: Job[SynthesizeConfig], name: str, rows: Sequence[FrozenModel]) -> int:
    path = job.paths.output_dir / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    num_rows = write_jsonl(path, rows)
    job.storage.upload(path, f"{job.config.records_uri.rstrip('/')}/{name}")
    return num_rows


def _require_yield(outcome: VerifiedRecords, asked: int, config: SynthesizeConfig) -> None:
    kept, needed = len(outcome.records), config.synthesis.needed_records(asked)
    _log.info("kept %d of %d questions; rejected: %s", kept, asked, dict(outcome.rejects))
    if kept < needed:
        raise TooFewVerifiedRecords(
            too_few(kept, asked, needed, outcome.rejects, config.judging.answer_marker)
        )


def main() -> int:
    return run_job("synthesize", SynthesizeConfig, synthesize)


if __name__ == "__main__":
    sys.exit(main())
