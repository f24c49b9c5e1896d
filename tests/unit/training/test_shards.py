"""Several jobs for one step leave what one job would have left."""

import json
import tarfile

import pytest

from lambdas.aws import clients
from lambdas.aws.shard_files import ShardFiles
from lambdas.jobs.merging import merge_evaluation, merge_synthesis
from stratos.contracts.bucket import RunKeys, s3_uri
from stratos.contracts.jobs import EvaluateResult, SynthesizeConfig, SynthesizeResult
from stratos.contracts.run import RunRef
from stratos.sharding.number import shard_step
from tests.unit.training.jobs import BASE, BUCKET, STUDENT, TEACHER, read
from tests.unit.training.misbehaving_server import MisbehavingServer, chat_completion, reply
from training import distill, evaluate, synthesize

RUN = RunRef(
    run_id="words-1234",
    bucket=BUCKET,
    spec_key="specs/words/spec.yaml",
    spec_version_id="v",
    execution_arn="arn",
    started_at="2026-01-01T00:00:00Z",
)
KEYS = RunKeys(RUN.run_id)
DIGIT = {"kind": "regex", "pattern": r"[\s\S]*[0-9][\s\S]*"}
"""That a random model fulfils now and then."""


@pytest.fixture(autouse=True)
def _fresh_clients(s3):
    clients.made_client.cache_clear()
    yield
    clients.made_client.cache_clear()


def object_of(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def synthesized(container, s3, tmp_path, count, settings):
    """The bytes of records.jsonl and rejected.jsonl, and the result, of so many jobs."""
    one = {**settings, "records_uri": s3_uri(BUCKET, f"of-{count}/")}
    if count == 1:
        assert container(synthesize, **one) == 0
        result = read(s3, SynthesizeResult)
    else:
        files = ShardFiles(RUN, "synthesize-a0")
        for index in range(count):
            (tmp_path / "checkpoints" / "completions.jsonl").unlink(missing_ok=True)
            shard = {
                "shard": {"index": index, "count": count},
                "records_uri": files.records_uri(index),
                "result_uri": s3_uri(BUCKET, KEYS.job_result(shard_step(files.step, index))),
            }
            assert container(synthesize, **one | shard) == 0
        parts = [files.find_synthesized(index) for index in range(count)]
        merge_synthesis(files, parts, SynthesizeConfig.model_validate({**BASE, **one}))
        result = read(s3, SynthesizeResult, KEYS.job_result(files.step))
    (tmp_path / "checkpoints" / "completions.jsonl").unlink(missing_ok=True)
    written = [object_of(s3, f"of-{count}/{name}.jsonl") for name in ("records", "rejected")]
    return written, result


def without_time(result):
    """A result without what the clock says."""
    counts = result.counts.model_copy(update={"asking_seconds": 0.0})
    timeless = {"seconds": 0.0, "tokens_per_second": 0.0, "counts": counts}
    return result.model_copy(update=timeless)


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "alignment", "synthesis": {"max_records": 50}},
        {"strategy": "blend", "synthesis": {}},
    ],
    ids=lambda settings: settings["strategy"],
)
def test_a_local_teacher_writes_the_same_bytes_on_one_two_and_three_servers(
    container, s3, tmp_path, settings
):
    settings = {
        "judging": {**BASE["judging"], "verifier": DIGIT},
        "teacher": TEACHER,
        "strategy": settings["strategy"],
        "synthesis": settings["synthesis"]
        | {"max_new_tokens": 40, "samples": 3, "temperature": 1.0}
        | {"min_yield": 0.0, "min_records": 1},
        "seed": 3,
    }
    (records, rejected), alone = synthesized(container, s3, tmp_path, 1, settings)
    assert 0 < alone.kept < alone.asked
    assert records
    assert rejected
    for count in (2, 3):
        written, result = synthesized(container, s3, tmp_path, count, settings)
        assert written == [records, rejected]
        assert without_time(result) == without_time(alone)


def test_an_api_is_asked_the_same_by_any_number_of_servers(container, s3, tmp_path):
    asked, found = {}, {}
    for count in (1, 2, 3):
        server = MisbehavingServer()
        for number in range(0, 60, 4):
            wrong = reply(chat_completion("it is\n#### -1"))
            server.behaviours[f"train {number} + {number}?"] = [wrong]
        for number in range(60):
            right = reply(chat_completion(f"it is\n#### {2 * number}"))
            server.behaviours.setdefault(f"train {number} + {number}?", []).append(right)
        with server.running() as base_url:
            settings = {
                "judging": {**BASE["judging"], "verifier": {"kind": "exact"}},
                "teacher": {"kind": "openai", "base_url": base_url, "model": "m"},
                "strategy": "alignment",
                "synthesis": {"alignment_prompt": "{question}", "samples": 2},
                "seed": 3,
            }
            written, result = synthesized(container, s3, tmp_path, count, settings)
        asked[count] = sorted(json.dumps(body, sort_keys=True) for body, _ in server.seen)
        found[count] = (written, without_time(result))
    assert len(asked[1]) == 75
    assert asked[1] == asked[2] == asked[3]
    assert found[1] == found[2] == found[3]


def test_shards_without_money_are_no_failure_and_say_what_they_could_not_ask(container, s3):
    with MisbehavingServer().running() as base_url:
        code = container(
            synthesize,
            teacher={
                "kind": "openai",
                "base_url": base_url,
                "model": "m",
                "output_usd_per_million_tokens": 1e6,
            },
            strategy="alignment",
            synthesis={},
            records_uri=s3_uri(BUCKET, "poor/"),
            seed=3,
            budget_usd=1e-6,
            shard={"index": 1, "count": 3},
        )
    assert code == 0
    result = read(s3, SynthesizeResult)
    assert (result.kept, result.counts.unpaid) == (0, 20)
    assert object_of(s3, "poor/records.jsonl") == b""


@pytest.fixture
def artifact(container, records, s3, tmp_path):
    training = {"max_steps": 2, "batch_tokens": 400}
    assert (
        container(distill, training=training, student=STUDENT, method="full", precision="float32")
        == 0
    )
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "model", arcname=".")
    s3.upload_file(str(tmp_path / "model.tar.gz"), BUCKET, "shards/model.tar.gz")
    return s3_uri(BUCKET, "shards/model.tar.gz")


def evaluated(container, s3, count, artifacts, settings):
    if count == 1:
        assert container(evaluate, artifacts, **settings) == 0
        return read(s3, EvaluateResult)
    files = ShardFiles(RUN, "evaluate-a0")
    for index in range(count):
        uri = s3_uri(BUCKET, KEYS.job_result(shard_step(files.step, index)))
        shard = {"shard": {"index": index, "count": count}, "result_uri": uri}
        assert container(evaluate, artifacts, **settings | shard) == 0
    merge_evaluation(files, [files.find_evaluated(index) for index in range(count)])
    return read(s3, EvaluateResult, KEYS.job_result(files.step))


@pytest.mark.parametrize("teacher_max_records", [None, 21])
def test_an_evaluation_is_the_same_on_one_two_and_three_servers(
    container, s3, artifact, teacher_max_records
):
    artifacts = {"student_artifact": artifact, "live_artifact": artifact}
    settings = {
        "judging": {**BASE["judging"], "verifier": DIGIT},
        "teacher": TEACHER,
        "student": STUDENT,
        "max_new_tokens": 24,
        "teacher_max_records": teacher_max_records,
    }
    alone = evaluated(container, s3, 1, artifacts, settings)
    assert alone.student.successes + alone.teacher.successes > 0
    assert (alone.student.n, alone.teacher.n) == (30, teacher_max_records or 30)
    for count in (2, 3):
        merged = evaluated(container, s3, count, artifacts, settings)
        assert merged.model_copy(update={"seconds": alone.seconds}) == alone
