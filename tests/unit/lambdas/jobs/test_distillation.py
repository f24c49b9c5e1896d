"""What a plan tells the jobs that carry it out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.aws.run_files import RunFiles
from lambdas.gathering.model_pool import model_pool
from lambdas.jobs.distillation import DistillationJobs
from lambdas.jobs.factory import JobFactory
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import DistillConfig, EvaluateConfig
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import PlannedEngine, ServedPrecision, TrainedElsewhere
from stratos.planning.deadlines import TIME_SHARES
from stratos.spec import Weights
from stratos.units import GIB
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start


def test_jobs_export_in_full_and_as_planned_and_score_in_the_engine_of_the_plan(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    keys = RunKeys(pipeline.run.run_id)
    match = MatchEvidence.model_validate_json(account.read(keys.match))
    engine = match.plan.engine
    assert engine is not None

    distill = DistillConfig.model_validate_json(
        account.read(keys.job_config("distill-a0") + "config.json")
    )
    evaluate = EvaluateConfig.model_validate_json(
        account.read(keys.job_config("evaluate-a0") + "config.json")
    )
    assert evaluate.engine == engine
    assert engine.name == "llama_cpp"
    assert distill.gguf_required
    full, *quantised = distill.gguf
    assert full in ("float32", "float16")
    assert quantised == ([engine.precision] if engine.is_quantised else [])


def test_jobs_that_read_splits_have_room_for_them(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(account).until_matched().run
    spec = RunFiles(run).spec()

    def disks() -> list[int]:
        jobs = DistillationJobs(JobFactory(run, spec), RunFiles(run).match(), model_pool(run, spec))
        return [
            job.ebs_gib or 0 for job in (jobs.synthesize(), jobs.evaluate(None), jobs.distill())
        ]

    small = disks()
    assert RunFiles(run).dataset_bytes() > RunFiles(run).dataset_bytes("train") > 0
    monkeypatch.setattr(
        RunFiles, "dataset_bytes", lambda self, split=None: GIB * (30 if split else 31)
    )
    # Synthesis writes about as much as it reads.
    assert disks() == [small[0] + 60, small[1] + 31, small[2]]


def test_deadlines_leave_room_for_copies_between_regions(account: Account) -> None:
    limits = factories.spec().constraints.model_dump(exclude_none=True)
    pipeline = start(account, constraints=limits | {"max_training_hours": 10.0})
    run = pipeline.until_matched().run
    spec, match = RunFiles(run).spec(), RunFiles(run).match()

    def hours(evidence: MatchEvidence) -> float:
        jobs = DistillationJobs(JobFactory(run, spec), evidence, model_pool(run, spec))
        jobs.distill()
        written = account.read(RunKeys(run.run_id).job_config("distill-a0") + "config.json")
        return DistillConfig.model_validate_json(written).deadline_seconds / 3600

    away = TrainedElsewhere(
        region="eu-west-1",
        input_bytes=1e9,
        output_bytes=1e9,
        copying_hours=2.0,
        usd=1.0,
        waiting_hours=0.0,
    )
    plan = match.plan.model_copy(update={"elsewhere": away})
    matching = match.matching.model_copy(update={"plan": plan})
    copied = match.model_copy(update={"matching": matching})
    assert hours(match) - hours(copied) == pytest.approx(2.0 * TIME_SHARES["distill"])


def test_a_plan_for_gpus_can_do_without_files_for_llama_cpp(account: Account) -> None:
    run = start(account).until_matched().run
    keys = RunKeys(run.run_id)
    match = MatchEvidence.model_validate_json(account.read(keys.match))
    engine = PlannedEngine(
        name="vllm", precision="bfloat16", context_tokens=512, slots=4, memory_gib=2
    )
    plan = match.plan.model_copy(update={"engine": engine})
    matching = match.matching.model_copy(update={"plan": plan})
    evidence = match.model_copy(update={"matching": matching})
    spec = RunFiles(run).spec()
    DistillationJobs(JobFactory(run, spec), evidence, model_pool(run, spec)).distill()
    distill = DistillConfig.model_validate_json(
        account.read(keys.job_config("distill-a0") + "config.json")
    )
    assert (distill.gguf, distill.gguf_required) == (("float16",), False)


@pytest.mark.parametrize("held", ["float32", "float16"])
def test_what_vllm_serves_is_exported_as_a_cpu_of_the_front_would_serve_it(
    account: Account, held: ServedPrecision
) -> None:
    pipeline = start(account).until_matched()
    found = pipeline.evidence()
    engines = (factories.engine("float32", "vllm"), factories.engine(held))
    gpu, cpu = (found.plan.model_copy(update={"engine": engine}) for engine in engines)
    plans = found.matching.plans.model_copy(
        update={"chosen": gpu, "fallbacks": (), "front": (gpu, cpu), "alternatives": {}}
    )
    matching = found.matching.model_copy(update={"plan": gpu, "plans": plans})
    evidence = found.model_copy(update={"matching": matching})
    spec = RunFiles(pipeline.run).spec()
    factory, pool = JobFactory(pipeline.run, spec), model_pool(pipeline.run, spec)
    DistillationJobs(factory, evidence, pool).distill()
    config = RunFiles(pipeline.run).job_config("distill-a0")
    assert isinstance(config, DistillConfig)
    assert config.gguf == (held,)


def test_every_job_reads_a_hub_model_at_the_commit_that_was_probed(account: Account) -> None:
    pipeline = start(account).until_matched()
    found, spec = pipeline.evidence(), RunFiles(pipeline.run).spec()
    probes = tuple(probe.model_copy(update={"revision": "c0ffee"}) for probe in found.probes)
    evidence = found.model_copy(update={"probes": probes})
    pool = model_pool(pipeline.run, spec)
    hub = {name: Weights(hub=f"org/{name}") for name in (*pool.teachers, *pool.students)}
    pool = replace(
        pool,
        teachers={name: hub[name] for name in pool.teachers},
        students={name: hub[name] for name in pool.students},
    )
    jobs = DistillationJobs(JobFactory(pipeline.run, spec), evidence, pool)
    assert jobs.student == Weights(hub=f"org/{found.plan.student}", revision="c0ffee")
    assert jobs.teacher == Weights(hub=f"org/{found.plan.teacher}", revision="c0ffee")
