"""Probe: how well does a model do before anything is trained?

One model answers the probe questions. A teacher is also asked to explain given answers: how often
it does so soundly decides whether Knowledge Injection can work.
"""

from __future__ import annotations

import sys

from stratos.contracts.jobs import ProbeConfig, ProbeResult
from stratos.contracts.records import Record
from stratos.scoring.reply import ReplyVerdict
from stratos.spec import Logs, Weights
from stratos.statistics.wilson import Proportion, proportion, proportion_of
from training.asking.logged_replies import logged_fault, score_logged
from training.asking.questions import Scored, ask, enough, read_judged
from training.asking.rejection_sampling import OnFirst, RejectionSampler, VerifiedRecords
from training.container.host import use_cpus
from training.job.job import Job, run_job
from training.judging.judge import Judge, load_judge
from training.models.hub_folder import commit_of
from training.teachers.load import load_teacher
from training.teachers.teacher import Completion, Teacher
from training.teachers.vllm import VllmTeacher
from training.teachers.weights import WeightsTeacher


def probe(job: Job[ProbeConfig]) -> ProbeResult:
    """Measure a model on the probe split."""
    config = job.config
    use_cpus(job.paths)
    judge = load_judge(job, reads_rationales=config.role == "teacher")
    records = read_judged(job.paths.channel("dataset"), "probe", judge).records
    if isinstance(config.model, Logs):
        return _probe_logs(job, config.model, judge, records)
    if isinstance(config.model, Weights):
        job.progress.doing(f"reading the weights of {config.model.name}")
    model = load_teacher(config.model, config, job.paths, "model")
    job.progress.charge(model.usage)
    job.progress.report(f"{model.name} answers", 0, len(records), "questions")
    aligned: Proportion | None = None
    if config.role == "teacher":
        scored, aligned = _probe_alignment(job, model, judge, records)
    else:
        scored = ask(
            model,
            records,
            judge,
            max_new_tokens=config.max_new_tokens,
            stop=lambda: job.clock.must_end() is not None,
            on_done=lambda done: job.progress.report(
                f"{model.name} answers", done, len(records), "questions"
            ),
        )
    answering = model.usage.tokens_per_second
    reverse = _probe_reverse(job, model, judge, records) if config.role == "teacher" else None
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
        reverse_yield=None
        if reverse is None
        else proportion(reverse.kept["injection"], reverse.asked["injection"]),
        alignment_yield=aligned,
        answers=dict(scored.reasons.most_common()),
        explanations={} if reverse is None else dict(reverse.rejects.most_common()),
        tokens_per_second=answering,
        mean_prompt_tokens=scored.mean_prompt_tokens,
        mean_completion_tokens=scored.mean_completion_tokens,
        num_parameters=at_hand.num_parameters if at_hand else None,
        tokenizer_hash=at_hand.tokenizer_hash if at_hand else None,
        vocabulary_size=at_hand.vocabulary_size if at_hand else None,
    )


def _probe_logs(
    job: Job[ProbeConfig], log: Logs, judge: Judge, records: list[Record]
) -> ProbeResult:
    """Judge the logged replies of the probe split; nobody is asked but a judge."""
    job.progress.doing("judging the logged replies")
    scored = enough(log, score_logged(records, judge))
    kept = [
        verdict is not None and logged_fault(record, verdict, judge) is None
        for record, verdict in zip(records, scored.verdicts, strict=True)
    ]
    usage = judge.usage
    return ProbeResult(
        seconds=job.clock.seconds,
        usd=usage.usd,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        model=log.name,
        role=job.config.role,
        accuracy=scored.accuracy,
        alignment_yield=proportion_of(kept),
        answers=dict(scored.reasons.most_common()),
        tokens_per_second=0.0,
        mean_prompt_tokens=0.0,
        mean_completion_tokens=scored.mean_completion_tokens,
    )


def _probe_alignment(
    job: Job[ProbeConfig], model: Teacher, judge: Judge, records: list[Record]
) -> tuple[Scored, Proportion]:
    """Let the teacher answer as in synthesis; return its first answers, and what would be kept.

    More than one attempt is made at as many questions as are explained.
    """
    synthesis = job.config.synthesis
    retried = job.config.reverse_records if synthesis.samples > 1 else len(records)
    completions: dict[str, Completion] = {}
    verdicts: dict[str, ReplyVerdict] = {}

    def keep(record: Record, completion: Completion, verdict: ReplyVerdict) -> None:
        completions[record.id], verdicts[record.id] = completion, verdict

    sampler = _sampler(job, model, judge, "answers", "questions", keep)
    outcome = sampler.run(records, "alignment", retried)
    scored = Scored(
        [completions.get(record.id) for record in records],
        [verdicts.get(record.id) for record in records],
    )
    kept = {record.id for record in outcome.records}
    asked = [record.id for record in records[:retried] if record.id in verdicts]
    return enough(model, scored), proportion_of(one in kept for one in asked)


def _probe_reverse(
    job: Job[ProbeConfig], model: Teacher, judge: Judge, records: list[Record]
) -> VerifiedRecords | None:
    """Let the teacher explain given answers; None where there are none, or they are calls."""
    if not judge.explains:
        return None
    explained = [record for record in records if record.gold][: job.config.reverse_records]
    if not explained:
        return None
    return _sampler(job, model, judge, "explains", "answers").run(explained, "injection")


def _sampler(
    job: Job[ProbeConfig],
    model: Teacher,
    judge: Judge,
    does: str,
    unit: str,
    on_first: OnFirst = lambda *_: None,
) -> RejectionSampler:
    return RejectionSampler(
        model,
        judge,
        job.config.synthesis,
        stop=lambda: job.clock.must_end() is not None,
        on_done=lambda _, done, total: job.progress.report(
            f"{model.name} {does}", done, total, unit
        ),
        on_first=on_first,
    )


def main() -> int:
    return run_job("probe", ProbeConfig, probe)


if __name__ == "__main__":
    sys.exit(main())
