"""The files of a run, each read as what it was written as."""

from __future__ import annotations

import pytest

from lambdas.aws.run_files import RunFiles
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import EvaluateConfig, ProbeConfig
from stratos.contracts.messages import Message
from stratos.contracts.records import SampledAttempt, TrainingRecord
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import BATCH, TO_ZERO, start


def test_before_anything_was_measured_there_are_no_measurements(account: Account) -> None:
    files = RunFiles(start(account).run)
    assert files.measurements().measured == ()
    assert files.find_deployment() is None
    assert files.usd_per_hour("distill-a0", None) == 0.0
    assert files.servers_asked("distill-a0") == ()
    assert files.paid_usd("distill-a0") == []


def test_a_file_that_must_be_there_is_missed_by_its_uri(account: Account) -> None:
    pipeline = start(account)
    key = RunKeys(pipeline.run.run_id).spec
    with pytest.raises(FileNotFoundError, match=f"{key} does not exist"):
        RunFiles(pipeline.run).spec()


@pytest.mark.parametrize(
    ("sections", "kind"), [({}, "endpoint"), (TO_ZERO, "component"), (BATCH, "batch")]
)
def test_a_deployment_is_read_as_the_kind_that_it_is(
    account: Account, sections: dict[str, object], kind: str
) -> None:
    pipeline = start(account, **sections).until_registered()
    deployment = RunFiles(pipeline.run).find_deployment()
    assert deployment is not None
    assert deployment.kind == kind


def test_the_configuration_of_a_job_is_read_as_what_the_job_is(account: Account) -> None:
    pipeline = start(account).until_matched()
    files = RunFiles(pipeline.run)
    assert isinstance(files.job_config("probe-t0"), ProbeConfig)
    evaluate = files.job_config("evaluate-a0")
    assert isinstance(evaluate, EvaluateConfig)
    assert files.evaluate_config(0) == evaluate
    assert files.usd_per_hour("evaluate-a0", None) == evaluate.usd_per_hour
    assert files.servers_asked("evaluate-a0") == evaluate.servers
    dearer = evaluate.servers[0].model_copy(update={"usd_per_hour": 9.0})
    assert files.usd_per_hour("evaluate-a0", dearer) == 9.0


def test_what_a_teacher_was_paid_is_told_by_progress_and_result(account: Account) -> None:
    pipeline = start(account)
    keys, files = RunKeys(pipeline.run.run_id), RunFiles(pipeline.run)
    progress = factories.progress(usd=0.25).model_dump_json()
    account.put(keys.job_progress("synthesize-a0"), progress)
    assert files.paid_usd("synthesize-a0") == [0.25]
    account.put_result(pipeline.run, "synthesize-a0", factories.synthesize_result())
    assert len(files.paid_usd("synthesize-a0")) == 2


def test_a_few_attempts_are_read_of_what_was_kept_and_of_each_reason(account: Account) -> None:
    pipeline = start(account)
    files, folder = RunFiles(pipeline.run), RunKeys(pipeline.run.run_id).records_of(0)
    assert files.synthesis_sample(0) == []
    kept = TrainingRecord(
        id="k",
        messages=(Message(role="user", content="2+2?"),),
        completion="4",
        strategy="alignment",
    )
    rejected = SampledAttempt.of_kept(kept).model_copy(update={"id": "r", "reason": "cut"})
    wrong = rejected.model_copy(update={"reason": "wrong answer"})
    rows = {"records": [kept] * 5, "rejected": [rejected] * 5 + [wrong]}
    for name, lines in rows.items():
        text = "".join(line.model_dump_json() + "\n" for line in lines)
        account.put(f"{folder}{name}.jsonl", text.encode())
    found = files.synthesis_sample(0)
    assert [one.reason for one in found] == [None, None, "cut", "cut", "wrong answer"]
    assert found[0].question == "2+2?"
