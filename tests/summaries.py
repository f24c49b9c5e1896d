"""A finished run's summary, for tests of what shows it."""

from __future__ import annotations

from stratos.contracts.distillation import CurvePoint, Reinforced, RewardPoint
from stratos.contracts.jobs import EvaluatedExample, ProbeResult, SynthesizeResult
from stratos.contracts.measurements import LoadResult, Measurement, Pace, Percentile
from stratos.contracts.plan import Interval, Plan, PlanSet, Server
from stratos.contracts.records import SampledAttempt
from stratos.dataset.inspection import AnswerShare, Inspection, LeftOut, Lengths
from stratos.pipeline.summary import (
    ConstraintOutcome,
    EndpointSummary,
    ModelSummary,
    Phase,
    RunSummary,
    StrategySummary,
    TrainingSummary,
)
from stratos.statistics.mcnemar import Comparison
from stratos.statistics.wilson import proportion


def interval(value: float) -> Interval:
    return Interval(value=value, lo=0.8 * value, hi=1.2 * value)


def percentile(value: float, *, enough: bool = True) -> Percentile:
    return Percentile(value=value, lo=0.8 * value, hi=1.2 * value, enough=enough)


def load_result(p95_ms: float = 200.0) -> LoadResult:
    return LoadResult(
        num_requests=80,
        num_failed=0,
        seconds=40,
        p50_ms=percentile(120),
        p95_ms=percentile(p95_ms),
        p99_ms=percentile(1.2 * p95_ms, enough=False),
        arrivals_per_second=2,
        requests_per_second=interval(2),
        tokens_per_second=60,
        pace=Pace(prefill_tokens_per_second=2100, decode_tokens_per_second=310),
    )


def measurement(
    plan: Plan, p95_ms: float = 200.0, *, attempt: int = 0, missed: tuple[str, ...] = ()
) -> Measurement:
    """A plan's endpoint under load, measured for a minute of 2026."""
    name = f"stratos-r-a{attempt}-{plan.id}"
    return Measurement(
        plan=plan,
        attempt=attempt,
        model_name=name,
        endpoint_config_name=name,
        started_at="2026-11-24T08:03:00+00:00",
        ended_at="2026-11-24T08:04:00+00:00",
        load=load_result(p95_ms),
        usd_per_1000_requests=interval(0.014),
        passed=not missed,
        missed=missed,
        reason=f"p95 latency {p95_ms:.0f} ms",
    )


def server(instance_type: str = "ml.local.cpu2", usd_per_hour: float = 0.1) -> Server:
    return Server(
        instance_type=instance_type,
        count=1,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=usd_per_hour,
    )


def plan(name: str, accuracy: float = 0.6, latency_ms: float = 300.0) -> Plan:
    return Plan(
        id=name,
        teacher="teacher",
        student="student-base",
        method="full",
        precision="float32",
        training=server(),
        serving=server(),
        accuracy=interval(accuracy),
        p50_latency_ms=interval(latency_ms / 2),
        p95_latency_ms=interval(latency_ms),
        prefill_tokens_per_second=4000,
        decode_tokens_per_second=300,
        requests_per_second=interval(4),
        hours_to_deploy=interval(0.05),
        usd_to_deploy=interval(0.02),
        usd_per_month=interval(80),
        training_tokens_per_second=9000,
        num_training_tokens=1e6,
    )


def plan_set() -> PlanSet:
    chosen, other, slow = plan("a"), plan("b", 0.55, 150), plan("c", 0.65, 900)
    return PlanSet(
        chosen=chosen,
        fallbacks=(other,),
        alternatives={"cheapest": other, "most_accurate": slow},
        front=(chosen, other, slow),
        front_size=3,
        num_candidates=48,
        binding=("max_p95_latency_ms",),
        seconds=0.01,
    )


def probe(role: str, successes: int) -> ProbeResult:
    return ProbeResult(
        model=role,
        role=role,  # type: ignore[arg-type]
        accuracy=proportion(successes, 200),
        reverse_yield=proportion(50, 64) if role == "teacher" else None,
        tokens_per_second=8000,
        mean_prompt_tokens=40,
        mean_completion_tokens=30,
        num_parameters=1_750_000 if role == "teacher" else 580_000,
        seconds=9,
        usd=0,
    )


def inspection() -> Inspection:
    """Of 8,000 records in one file, with a bad line."""
    lengths = Lengths(mean=48.7, p50=49, p95=51, max=51)
    return Inspection(
        formats={"dataset.jsonl": "prompt_completion"},
        num_lines=8_001,
        num_bad_lines=1,
        bad_lines=("dataset.jsonl:7: is not JSON",),
        num_exact_duplicates=0,
        num_near_duplicates=0,
        num_contradictions=0,
        num_groups=8_000,
        num_records={"train": 7_200, "probe": 200, "heldout": 600},
        num_gold=8_000,
        prompt_characters=lengths,
        gold_characters=lengths,
        num_distinct_answers=2,
        most_common_answer="s3",
        most_common_share=0.75,
        workloads={},
        left_out={"bad line": LeftOut(num=1, examples=("dataset.jsonl:7: is not <JSON>",))},
        common_answers=(AnswerShare(answer="s3", num=6_000), AnswerShare(answer="s4", num=2_000)),
    )


def succeeded_run(**changes: object) -> RunSummary:
    """A run that went well, with every part of the summary filled in."""
    summary = RunSummary(
        run_id="mahjong-waits-0123abcd",
        spec_name="mahjong-waits",
        status="succeeded",
        reason="every constraint held",
        started_at="2026-11-24T08:00:00+00:00",
        ended_at="2026-11-24T08:04:10+00:00",
        dataset=inspection(),
        strategy=StrategySummary(
            choice="injection", reason="the teacher solved 2 of 200 probes", forced=False
        ),
        teacher=ModelSummary(
            name="teacher",
            accuracy=proportion(6, 600),
            num_parameters=1_750_000,
            tokens_per_second=8000,
            probe=probe("teacher", 2),
        ),
        student=ModelSummary(
            name="student-base",
            accuracy=proportion(342, 600),
            num_parameters=580_000,
            tokens_per_second=20_000,
            probe=probe("student", 0),
        ),
        untuned_student=proportion(1, 600),
        baselines={"constant_answer": proportion(9, 600), "nearest_question": proportion(32, 600)},
        comparisons=(
            Comparison(other="teacher", only_student_right=338, only_other_right=2, p_value=1e-90),
        ),
        synthesis=SynthesizeResult(
            strategy="injection",
            asked=5000,
            kept=4100,
            calls=9000,
            yield_by_strategy={"injection": proportion(4100, 5000)},
            rejects={"a step does not hold": 900},
            tokens_per_second=8000,
            mean_completion_tokens=25,
            seconds=40,
            usd=0,
        ),
        samples=(
            SampledAttempt(
                id="7",
                question="Hand: <m56>",
                completion="m4 and m7 complete it\n#### m4 m7",
                answer="m4 m7",
                strategy="injection",
                attempts=1,
            ),
            SampledAttempt(
                id="8",
                question="Hand: p23",
                completion="#### p5",
                answer="p1 p4",
                strategy="injection",
                attempts=2,
                reason="a step does not hold",
            ),
        ),
        training=TrainingSummary(
            steps=300,
            training_tokens=1_200_000,
            tokens_per_second=11_000,
            final_loss=0.2,
            peak_memory_mib=700,
            curve=tuple(
                CurvePoint(
                    step=step,
                    seconds=step / 3,
                    tokens=4000 * step,
                    loss=2.0 / step,
                    validation_loss=2.2 / step if step % 2 else None,
                    learning_rate=0.01,
                )
                for step in range(1, 9)
            ),
            reinforced=Reinforced(
                steps=3,
                planned_steps=4,
                stopped_by="deadline",
                resumed_from_step=None,
                seconds=30,
                validation_questions=40,
                accuracy_before=0.25,
                accuracy_after=0.5,
                curve=tuple(
                    RewardPoint(step=step, seconds=step, reward=step / 10) for step in range(1, 4)
                ),
            ),
        ),
        constraints=(
            ConstraintOutcome(
                name="min_accuracy", asked=0.5, predicted=interval(0.6), measured=0.53, passed=True
            ),
            ConstraintOutcome(
                name="max_p95_latency_ms", asked=400, predicted=None, measured=512, passed=False
            ),
            ConstraintOutcome(
                name="max_budget_usd", asked=1, predicted=None, measured=None, passed=None
            ),
        ),
        phases=(
            Phase(name="ProbeModels", seconds=20, cost_usd=0.001),
            Phase(name="Distill", seconds=105, cost_usd=0.004),
        ),
        total_usd=0.005,
        endpoint=EndpointSummary(
            name="stratos-mahjong-waits",
            server=server(),
            expires_at="2026-11-25T08:04:00+00:00",
            load=load_result(),
            usd_per_1000_requests=interval(0.014),
        ),
        measurements=(
            measurement(plan("slow"), 900.0, missed=("max_p95_latency_ms",)),
            measurement(plan("a")),
        ),
        plans=plan_set(),
        examples=(
            EvaluatedExample(
                question="Hand: m56 …", gold="m4 m7", completion="#### m4 m7", correct=True
            ),
        ),
    )
    return summary.model_copy(update=changes)
