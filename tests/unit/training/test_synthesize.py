"""Synthesis as SageMaker runs it."""

from collections import Counter

from stratos.contracts.jobs import SynthesizeResult
from stratos.contracts.records import SampledAttempt, TrainingRecord, read_jsonl
from tests.unit.training.jobs import BASE, BUCKET, TEACHER, read
from training import synthesize
from training.asking.rejected_sample import MOST_OF_A_REASON


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
