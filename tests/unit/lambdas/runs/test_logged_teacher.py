"""Runs whose teacher is the dataset's own log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.aws.run_files import RunFiles
from stratos.contracts.bucket import RunKeys
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import PlanSet
from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, start

LOGS = {"kind": "logs"}
LIVE = {
    "kind": "openai",
    "base_url": "https://models.example/v1",
    "model": "live",
    "output_usd_per_million_tokens": 50.0,
}


def put_probes(pipeline: Pipeline, account: Account, right: dict[str, int]) -> None:
    """Results of all probes; of teachers, so many right of 200."""
    steps = [job["step"] for job in pipeline.state["candidates"]["probes"]]
    files = RunFiles(pipeline.run)
    for step in steps:
        name = files.probe_config(step).model.name
        role = "teacher" if name in right else "student"
        found = factories.probe_result(role, name, right.get(name, 0))
        if name == "logs":
            found = found.model_copy(
                update={"reverse_yield": None, "alignment_yield": found.accuracy}
            )
        account.put_result(pipeline.run, step, found)
    pipeline.state["probes"] = [{"step": step, "failed": None} for step in steps]


def job_config(account: Account, pipeline: Pipeline, job: str) -> dict[str, Any]:
    (channel,) = [
        one
        for one in pipeline.state["match"][job]["input_data_config"]
        if one["ChannelName"] == "config"
    ]
    uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    folder = uri.partition("//")[2].partition("/")[2]
    (key,) = [one for one in account.keys(folder) if one.endswith("config.json")]
    found: dict[str, Any] = json.loads(account.read(key))
    return found


def test_a_run_learns_logged_replies_from_its_plan_to_its_report(account: Account) -> None:
    pipeline = start(account, teachers=[LOGS]).until_planned()
    assert pipeline.state["dataset"]["num_replies"] == 400
    teacher = [job for job in pipeline.state["candidates"]["probes"] if "-t" in job["step"]]
    assert len(teacher) == 1
    put_probes(pipeline, account, {"logs": 190})
    match = pipeline.match()
    assert (match["teacher"], match["strategy"]) == ("logs", "alignment")
    assert "the logged replies scored 95.0%" in match["reason"]
    synthesis = job_config(account, pipeline, "synthesize")
    assert synthesis["teacher"] == LOGS | {"rights": None}
    assert synthesis["learns_logs"]
    assert job_config(account, pipeline, "evaluate").get("teacher_max_records") is None
    pipeline.work()
    pipeline.check()
    properties = pipeline.state["quality"]["deployment"]["model_package"][
        "CustomerMetadataProperties"
    ]
    assert properties["teacher_source"] == "logged replies of the dataset"
    assert properties["rights"].startswith("logs: nobody has said who may train")
    (told,) = job_config(account, pipeline, "distill")["rights"]
    assert told.startswith("logs: nobody has said")
    assert told in pipeline.evidence().plan.caveats
    pipeline.register()
    pipeline.take_turn()
    pipeline.deploy()
    pipeline.promote()
    pipeline.report()
    summary = pipeline.summary()
    assert summary.teacher is not None
    assert summary.teacher.name == "logs"


def test_a_live_teacher_is_planned_for_what_logs_leave(account: Account) -> None:
    def planned(teachers: list[dict[str, Any]]) -> MatchEvidence:
        pipeline = start(account, teachers=teachers).until_planned()
        put_probes(pipeline, account, {"live": 195, "logs": 150})
        pipeline.match()
        assert job_config(account, pipeline, "synthesize")["learns_logs"] == (LOGS in teachers)
        return pipeline.evidence()

    alone = planned([LIVE])
    mixed = planned([LOGS, LIVE])
    names = {plan.teacher for plan in mixed.matching.plans.front}
    assert names <= {"logs", "live"}

    def cheapest(evidence: MatchEvidence) -> float:
        return min(
            plan.usd_to_deploy.value
            for plan in all_plans(evidence.matching.plans)
            if plan.teacher == "live"
        )

    # Three quarters of the questions are answered by the log.
    assert cheapest(mixed) < cheapest(alone)


def all_plans(plans: PlanSet) -> list[Any]:
    return [plans.chosen, *plans.fallbacks, *plans.front]


def test_a_dataset_without_replies_is_refused_in_words(account: Account) -> None:
    task = {
        "dataset": "dataset.jsonl",
        "verifier": {"kind": "regex", "pattern": "s.*"},
        "probe_records": 40,
        "heldout_records": 60,
    }
    pipeline = start(account, teachers=[LOGS], task=task)
    rows = [
        {name: value for name, value in row.items() if name != "completion"}
        for row in factories.dataset_rows()
    ]
    account.put("specs/tiles/dataset.jsonl", factories.jsonl(rows))
    pipeline.parse()
    with pytest.raises(DatasetRejected, match=r"no train and no probe record .* a logged reply"):
        pipeline.inspect()
    assert not account.keys(RunKeys(pipeline.run.run_id).dataset)
