"""Probe: how well does a model do before anything is trained?

One model answers the probe questions. A teacher is also asked to explain given answers: how often
it does so soundly decides whether Knowledge Injection can work.
"""

from __future__ import annotations

import sys

from stratos.contracts.jobs import ProbeConfig, ProbeResult
from stratos.contracts.records import Record
from stratos.spec import Weights
from stratos.statistics.wilson import Proportion, proportion
from training.asking.prompts import alignment_messages
from training.asking.questions import ask, read_judged
from training.asking.rejection_sampling import RejectionSampler
from training.container.host import use_cpus
from training.job.job import Job, run_job
from training.judging.judge import Judge, load_judge
from training.models.hub_folder import commit_of
from training.teachers.load import load_teacher
from training.teachers.teacher import Teacher
from training.teachers.vllm import VllmTeacher
from training.teachers.weights import WeightsTeacher


def probe(job: Job[ProbeConfig]) -> ProbeResult:
    """Measure a model on the probe split."""
    config = job.config
    use_cpus(job.paths)
    judge = load_judge(job)
    records = read_judged(job.paths.channel("dataset"), "probe", judge)
    model = load_teacher(config.model, config, job.paths, "model")
    job.progress.charge(model.usage)
    is_teacher = config.role == "teacher"
    scored = ask(
        model,
        records,
        judge,
        max_new_tokens=config.max_new_tokens,
        stop=lambda: job.clock.must_end() is not None,
        on_done=lambda done: job.progress.report(
            f"{model.name} answers", done, len(records), "questions"
        ),
        messages_of=lambda record: (
            alignment_messages(record, config.synthesis) if is_teacher else record.messages
        ),
    )
    answering = model.usage.tokens_per_second
    reverse_yield = _probe_reverse(job, model, judge, records) if is_teacher else None
    usage = model.usage.plus(judge.usage)
    at_hand = model if isinstance(model, WeightsTeacher | VllmTeacher) else None
    return ProbeResult(
        seconds=job.clock.seconds,
        usd=usage.usd,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        model=config.model.hub or config.model.name
        if isinstance(config.model, Weights)
        else config.model.name,
        revision=commit_of(config.model) if isinstance(config.model, Weights) else None,
        role=config.role,
        accuracy=scored.accuracy,
        reverse_yield=reverse_yield,
        tokens_per_second=answering,
        mean_prompt_tokens=scored.mean_prompt_tokens,
        mean_completion_tokens=scored.mean_completion_tokens,
        num_parameters=at_hand.num_parameters if at_hand else None,
        tokenizer_hash=at_hand.tokenizer_hash if at_hand else None,
        vocabulary_size=at_hand.vocabulary_size if at_hand else None,
    )


def _probe_reverse(
    job: Job[ProbeConfig], model: Teacher, judge: Judge, records: list[Record]
) -> Proportion | None:
    """Let the teacher explain given answers; None where no record has one."""
    explained = [record for record in records if record.gold][: job.config.reverse_records]
    if not explained:
        return None
    synthesizer = RejectionSampler(
        model,
        judge,
        job.config.synthesis,
        stop=lambda: job.clock.must_end() is not None,
        on_done=lambda _, done, total: job.progress.report(
            f"{model.name} explains", done, total, "answers"
        ),
    )
    outcome = synthesizer.run(explained, "injection")
    return proportion(outcome.kept["injection"], outcome.asked["injection"])


def main() -> int:
    return run_job("probe", ProbeConfig, probe)


if __name__ == "__main__":
    sys.exit(main())
