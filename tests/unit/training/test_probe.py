"""Probing as SageMaker runs it: channels, S3, exit codes."""

import shutil

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from stratos.contracts.jobs import ProbeResult, Progress, SynthesizeResult
from tests.unit.training.jobs import BASE, BUCKET, TEACHER, lay_out, read
from tests.unit.training.misbehaving_server import JudgingServer
from training import probe, synthesize


def test_a_probe_measures_a_teacher(container, s3, models):
    synthesis = {"max_new_tokens": 200}
    assert (
        container(probe, role="teacher", model=TEACHER, max_new_tokens=8, synthesis=synthesis) == 0
    )
    result = read(s3, ProbeResult)
    assert result.accuracy.n == 24
    assert result.alignment_yield == result.accuracy
    assert result.answers["right"] == result.accuracy.successes > 0
    assert result.answers.get("cut", 0) == 24 - result.accuracy.successes
    assert sum(result.explanations.values()) == 24 - result.reverse_yield.successes
    assert result.reverse_yield is not None
    assert result.reverse_yield.n == 24
    assert result.num_parameters == sum(
        p.numel() for p in AutoModelForCausalLM.from_pretrained(models["teacher"]).parameters()
    )
    assert result.vocabulary_size == len(AutoTokenizer.from_pretrained(models["teacher"]))
    assert result.tokens_per_second > 0
    progress = read(s3, Progress, "progress.json")
    assert (progress.step, progress.unit) == ("probe", "answers")
    assert progress.done == progress.total


def test_a_probe_yields_what_synthesis_yields_of_the_same_questions(container, s3, tmp_path):
    synthesis = {"max_new_tokens": 150, "samples": 2, "min_yield": 0.0, "min_records": 1}
    dataset = tmp_path / "same"
    dataset.mkdir()
    for split in ("probe", "train"):
        shutil.copy(tmp_path / "input/data/dataset/probe.jsonl", dataset / f"{split}.jsonl")
    lay_out(tmp_path, dataset=dataset)
    assert (
        container(probe, role="teacher", model=TEACHER, max_new_tokens=8, synthesis=synthesis) == 0
    )
    probed = read(s3, ProbeResult)
    code = container(
        synthesize,
        teacher=TEACHER,
        strategy="alignment",
        synthesis=synthesis,
        records_uri=f"s3://{BUCKET}/records/",
        seed=0,
    )
    assert code == 0
    made = read(s3, SynthesizeResult)
    assert 0 < made.kept < made.asked
    assert probed.alignment_yield == made.yield_by_strategy["alignment"]


def test_a_probed_student_is_not_asked_to_explain(container, s3):
    assert container(probe, role="student", model=TEACHER, max_new_tokens=4, synthesis={}) == 0
    assert read(s3, ProbeResult).reverse_yield is None


def test_what_earlier_attempts_paid_is_counted_on(container, s3):
    asked = {"role": "student", "model": TEACHER, "max_new_tokens": 4, "synthesis": {}}
    assert container(probe, spent_usd=0.25, **asked) == 0
    assert read(s3, ProbeResult).usd == 0.25
    assert read(s3, Progress, "progress.json").usd == 0.25


def test_a_model_judges_in_a_probe_and_is_paid_from_its_budget(container, s3, tmp_path):
    server = JudgingServer()
    with server.running() as base_url:
        judge = {
            "kind": "judge",
            "criteria": "polite",
            "model": {
                "kind": "openai",
                "base_url": base_url,
                "model": "judge",
                "output_usd_per_million_tokens": 100.0,
            },
        }
        config = {
            "judging": {**BASE["judging"], "verifier": judge},
            "budget_usd": 50.0,
            "role": "student",
            "model": TEACHER,
            "max_new_tokens": 200,
            "synthesis": {},
        }
        assert container(probe, **config) == 0
        first = read(s3, ProbeResult)
        assert (first.accuracy.n, first.accuracy.successes) == (24, 0)
        asked = len(server.seen)
        assert 0 < asked <= 24
        assert first.usd == pytest.approx(asked * 6 * 100.0 / 1e6)
        assert 0 < read(s3, Progress, "progress.json").usd <= first.usd
        assert (tmp_path / "checkpoints" / "verdicts.jsonl").exists()
        assert container(probe, **config) == 0
        assert len(server.seen) == asked
        assert container(probe, **config | {"budget_usd": 1e-6}) == 0, "all verdicts were kept"
        (tmp_path / "checkpoints" / "verdicts.jsonl").unlink()
        assert container(probe, **config | {"budget_usd": 1e-6}) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("BudgetExhausted: judge answered 0 of")


EXACT = {"verifier": {"kind": "exact"}, "answer_marker": "####", "has_checker": False}


def test_a_probe_of_logs_judges_replies_and_costs_nothing(container, logged, s3):
    asked = {"role": "teacher", "model": {"kind": "logs"}, "max_new_tokens": 8, "synthesis": {}}
    assert container(probe, judging=EXACT, **asked) == 0
    result = read(s3, ProbeResult)
    assert (result.accuracy.successes, result.accuracy.n) == (18, 24)
    assert result.alignment_yield == result.accuracy
    assert result.reverse_yield is None
    assert (result.model, result.usd, result.completion_tokens) == ("logs", 0.0, 0)
    assert result.answers == {"right": 18, "wrong answer": 6}
    assert result.mean_completion_tokens > 0


def test_a_probe_of_too_few_logged_replies_says_so(container, tmp_path):
    asked = {"role": "teacher", "model": {"kind": "logs"}, "max_new_tokens": 8, "synthesis": {}}
    assert container(probe, judging=EXACT, **asked) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert "0 of 24 probe records have a logged reply and 0 could be judged" in failure
