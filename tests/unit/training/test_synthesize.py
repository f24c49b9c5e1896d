"""Synthesis as SageMaker runs it."""

from collections import Counter

from stratos.contracts.jobs import SynthesizeResult
from stratos.contracts.records import SampledAttempt, TrainingRecord, read_jsonl
from stratos.sharding.rejected import MOST_OF_A_REASON
from tests.unit.training.jobs import BASE, BUCKET, TEACHER, lay_out, read
from tests.unit.training.misbehaving_server import MisbehavingServer, chat_completion, reply
from training import synthesize


def test_verified_answers_become_records(container, s3, tmp_path):
    code = container(
        synthesize,
        teacher=TEACHER,
        strategy="alignment",
        synthesis={"max_new_tokens": 200, "samples": 3, "max_records": 50}
        | {"min_yield": 0.0, "min_records": 1},
        records_uri=f"s3://{BUCKET}/records/",
        seed=3,
    )
    assert code == 0
    result = read(s3, SynthesizeResult)
    s3.download_file(BUCKET, "records/records.jsonl", str(tmp_path / "records.jsonl"))
    records = list(read_jsonl(tmp_path / "records.jsonl", TrainingRecord))
    assert result.asked == 50
    assert result.kept == len(records) == result.yield_by_strategy["alignment"].successes
    assert sum(result.rejects.values()) + result.kept == result.calls
    s3.download_file(BUCKET, "records/rejected.jsonl", str(tmp_path / "rejected.jsonl"))
    rejected = Counter(r.reason for r in read_jsonl(tmp_path / "rejected.jsonl", SampledAttempt))
    stored = {reason: min(num, MOST_OF_A_REASON) for reason, num in result.rejects.items()}
    assert rejected == stored
    # Every answer is kept for an attempt after a kill.
    answers = (tmp_path / "checkpoints" / "completions.jsonl").read_text().splitlines()
    assert len(answers) == result.calls


def test_too_low_a_yield_fails_by_name_and_leaves_what_was_rejected(container, s3, tmp_path):
    code = container(
        synthesize,
        judging={**BASE["judging"], "verifier": {"kind": "exact"}},
        teacher=TEACHER,
        strategy="injection",
        synthesis={"max_new_tokens": 8},
        records_uri=f"s3://{BUCKET}/none/",
        seed=0,
    )
    assert code == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("TooFewVerifiedRecords: 0 of 60 questions ended verified; needed 30 ")
    s3.download_file(BUCKET, "none/rejected.jsonl", str(tmp_path / "rejected.jsonl"))
    rejected = list(read_jsonl(tmp_path / "rejected.jsonl", SampledAttempt))
    assert [one.reason for one in rejected] == ["cut"] * MOST_OF_A_REASON
    assert "Rejected: cut ×60. Raise synthesis.max_new_tokens" in failure


EXACT = {"verifier": {"kind": "exact"}, "answer_marker": "####", "has_checker": False}


def learned(s3, tmp_path):
    s3.download_file(BUCKET, "records/records.jsonl", str(tmp_path / "records.jsonl"))
    return {one.id: one for one in read_jsonl(tmp_path / "records.jsonl", TrainingRecord)}


def test_logged_replies_are_a_teacher_that_nobody_pays(container, logged, s3, tmp_path):
    code = container(
        synthesize,
        judging=EXACT,
        teacher={"kind": "logs"},
        strategy="alignment",
        learns_logs=True,
        synthesis={},
        records_uri=f"s3://{BUCKET}/records/",
        seed=3,
    )
    assert code == 0
    result = read(s3, SynthesizeResult)
    assert (result.asked, result.kept, result.kept_of_logs) == (50, 40, 40)
    assert (result.calls, result.usd, result.completion_tokens) == (0, 0.0, 0)
    assert result.rejects == {"wrong answer": 10}
    found = learned(s3, tmp_path)
    assert set(found) == {f"train-{number}" for number in range(40)}
    assert found["train-3"].completion == "so\n#### 6"
    s3.download_file(BUCKET, "records/rejected.jsonl", str(tmp_path / "rejected.jsonl"))
    rejected = list(read_jsonl(tmp_path / "rejected.jsonl", SampledAttempt))
    assert {one.reason for one in rejected} == {"wrong answer"}
    assert len(rejected) == 10


def test_a_live_teacher_is_asked_only_what_logs_did_not_give_rightly(
    container, logged, s3, tmp_path
):
    server = MisbehavingServer()
    for number in range(60):
        answer = 2 * number if number % 2 else -1
        right = reply(chat_completion(f"asked\n#### {answer}"))
        server.behaviours[f"train {number} + {number}?"] = [right]
    with server.running() as base_url:
        code = container(
            synthesize,
            judging=EXACT,
            teacher={"kind": "openai", "base_url": base_url, "model": "m"},
            strategy="alignment",
            learns_logs=True,
            synthesis={"alignment_prompt": "{question}", "samples": 1},
            records_uri=f"s3://{BUCKET}/records/",
            seed=3,
        )
    assert code == 0
    result = read(s3, SynthesizeResult)
    assert len(server.seen) == result.calls == 20
    assert (result.asked, result.kept, result.kept_of_logs) == (60, 50, 40)
    assert result.yield_by_strategy["logs"].n == 50
    assert result.yield_by_strategy["alignment"].successes == 10
    found = learned(s3, tmp_path)
    assert found["train-3"].completion == "so\n#### 6"
    assert found["train-41"].completion == "asked\n#### 82"
    assert "train-42" not in found


def test_logs_are_learned_where_a_live_teacher_has_no_money(container, logged, s3):
    with MisbehavingServer().running() as base_url:
        code = container(
            synthesize,
            judging=EXACT,
            teacher={
                "kind": "openai",
                "base_url": base_url,
                "model": "m",
                "output_usd_per_million_tokens": 1e6,
            },
            strategy="injection",
            learns_logs=True,
            synthesis={},
            records_uri=f"s3://{BUCKET}/records/",
            seed=3,
            budget_usd=1e-6,
        )
    assert code == 0
    result = read(s3, SynthesizeResult)
    assert result.kept == 40
    assert result.rejects == {"wrong answer": 10}


def with_checker(tmp_path, *lines):
    """The channel of a checker, and the job that asks it of logged replies."""
    (tmp_path / "checker").mkdir()
    (tmp_path / "checker" / "checker.py").write_text("\n".join(lines))
    lay_out(tmp_path, checker=tmp_path / "checker")
    return {
        "judging": EXACT | {"has_checker": True},
        "teacher": {"kind": "logs"},
        "strategy": "alignment",
        "learns_logs": True,
        "synthesis": {"min_records": 1, "min_yield": 0.0},
        "records_uri": f"s3://{BUCKET}/records/",
        "seed": 3,
    }


def test_a_checker_that_fails_at_some_replies_costs_these_replies(container, logged, s3, tmp_path):
    config = with_checker(
        tmp_path,
        "def check(question, answer, rationale):",
        "    return [] if len(answer) > 1 else open('/etc/passwd')",
    )
    assert container(synthesize, **config) == 0
    result = read(s3, SynthesizeResult)
    failed = result.rejects["checker: it failed with PermissionError"]
    assert failed > 0
    assert result.rejects == {"wrong answer": 10, "checker: it failed with PermissionError": failed}
    assert result.kept == 40 - failed == len(learned(s3, tmp_path))


def test_a_checker_that_cannot_do_its_work_ends_the_job_by_name(container, logged, tmp_path):
    config = with_checker(
        tmp_path,
        "import socket",
        "def check(question, answer, rationale):",
        "    return [str(socket.create_connection(('127.0.0.1', 80)))]",
    )
    assert container(synthesize, **config) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith(
        "CheckerFailed: checker.py failed at 20 questions in a row; the last: PermissionError: "
    )
    assert "(checker.py, line 3); it has no files, no network" in failure
