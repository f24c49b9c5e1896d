"""The four programs as SageMaker runs them: channels, SM_* variables, S3, exit codes."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import weakref
from pathlib import Path

import boto3
import pytest
import torch
from moto.server import ThreadedMotoServer
from transformers import AutoModelForCausalLM, AutoTokenizer

from stratos.contracts.jobs import (
    DistillResult,
    EvaluateResult,
    ProbeResult,
    Progress,
    SynthesizeResult,
)
from stratos.contracts.records import Message, Record, TrainingRecord, read_jsonl, write_jsonl
from tests.unit.training.misbehaving_server import JudgingServer
from tests.unit.training.tiny_models import byte_level_tokenizer, make_model, save_model
from training import distill, evaluate, probe, synthesize
from training.learning.reinforce import Reinforcer
from training.learning.trainer import Trainer

ROOT = Path(__file__).parents[3]
BUCKET = "jobs"
ANYTHING = {"kind": "regex", "pattern": r"[\s\S]*"}
BASE = {
    "run_id": "words-1234",
    "result_uri": f"s3://{BUCKET}/result.json",
    "progress_uri": f"s3://{BUCKET}/progress.json",
    "deadline_seconds": 600,
    "usd_per_hour": 1.0,
    "judging": {"verifier": ANYTHING, "answer_marker": "####", "has_checker": False},
    "batch_size": 16,
}
TEACHER = {"kind": "weights", "path": "models/teacher"}
STUDENT = {"kind": "weights", "path": "models/student", "licence": "Apache-2.0"}


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environ.setenv("AWS_ACCESS_KEY_ID", "test")
        environ.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environ.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()
    server.stop()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "teacher": save_model(folder / "teacher", seed=1),
        "student": save_model(folder / "student", seed=2, num_hidden_layers=1),
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    for split, count in (("train", 60), ("probe", 24), ("heldout", 30)):
        rows = (
            Record(
                id=f"{split}-{number}",
                messages=(Message(role="user", content=f"{split} {number} + {number}?"),),
                gold=str(2 * number),
                split=split,
            )
            for number in range(count)
        )
        write_jsonl(folder / f"{split}.jsonl", rows)
    return folder


@pytest.fixture
def container(tmp_path, monkeypatch, s3, models, dataset):
    """Set a training container's variables; return what writes the config and runs a program."""
    handler = signal.getsignal(signal.SIGTERM)
    variables = {
        "SM_CHANNEL_CONFIG": tmp_path / "config",
        "SM_CHANNEL_DATASET": dataset,
        "SM_CHANNEL_TEACHER": models["teacher"],
        "SM_CHANNEL_MODEL": models["teacher"],
        "SM_CHANNEL_STUDENT": models["student"],
        "SM_CHANNEL_RECORDS": tmp_path / "records",
        "SM_MODEL_DIR": tmp_path / "model",
        "SM_OUTPUT_DIR": tmp_path / "output",
        "STRATOS_CHECKPOINT_DIR": tmp_path / "checkpoints",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))

    def run(program, hyperparameters=None, **config):
        (tmp_path / "config").mkdir(exist_ok=True)
        (tmp_path / "config" / "config.json").write_text(json.dumps({**BASE, **config}))
        monkeypatch.setenv("SM_HPS", json.dumps(hyperparameters or {}))
        return program.main()

    yield run
    signal.signal(signal.SIGTERM, handler)


def read(s3, model, key="result.json"):
    return model.model_validate_json(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_a_probe_measures_a_teacher(container, s3):
    assert container(probe, role="teacher", model=TEACHER, max_new_tokens=8, synthesis={}) == 0
    result = read(s3, ProbeResult)
    assert (result.accuracy.n, result.accuracy.successes) == (24, 24)
    assert result.reverse_yield is not None
    assert result.reverse_yield.n == 24
    assert result.num_parameters == sum(
        p.numel()
        for p in AutoModelForCausalLM.from_pretrained(os.environ["SM_CHANNEL_MODEL"]).parameters()
    )
    assert result.vocabulary_size == len(
        AutoTokenizer.from_pretrained(os.environ["SM_CHANNEL_MODEL"])
    )
    assert result.tokens_per_second > 0
    progress = read(s3, Progress, "progress.json")
    assert (progress.step, progress.unit) == ("probe", "answers")
    assert progress.done == progress.total


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
            "max_new_tokens": 6,
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


def test_records_become_a_student_that_is_evaluated(container, s3, models, tmp_path):
    synthesis = {"max_new_tokens": 200, "min_yield": 0.0, "samples": 3, "max_records": 50}
    code = container(
        synthesize,
        teacher=TEACHER,
        strategy="alignment",
        synthesis=synthesis,
        records_uri=f"s3://{BUCKET}/records/",
        seed=3,
    )
    assert code == 0
    synthesized = read(s3, SynthesizeResult)
    (tmp_path / "records").mkdir()
    s3.download_file(BUCKET, "records/records.jsonl", str(tmp_path / "records/records.jsonl"))
    records = list(read_jsonl(tmp_path / "records" / "records.jsonl", TrainingRecord))
    assert synthesized.asked == 50
    assert synthesized.kept == len(records) == synthesized.yield_by_strategy["alignment"].successes
    assert sum(synthesized.rejects.values()) + synthesized.kept == synthesized.calls
    # Every answer is kept for an attempt after a kill.
    answers = (tmp_path / "checkpoints" / "completions.jsonl").read_text().splitlines()
    assert len(answers) == synthesized.calls

    training = {"max_steps": 5, "batch_tokens": 400, "max_sequence_tokens": 250}
    code = container(
        distill, student=STUDENT, method="full", precision="float32", training=training
    )
    assert code == 0
    distilled = read(s3, DistillResult)
    assert (distilled.steps, distilled.stopped_by) == (5, "finished")
    model_dir = tmp_path / "model"
    manifest = json.loads((model_dir / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((model_dir / name).read_bytes()).hexdigest() == digest
    assert manifest["weights_sha256"] == distilled.weights_sha256
    assert {"README.md", "metrics.json", "model.safetensors", "code/inference.py"} <= set(
        manifest["files"]
    )
    assert json.loads((model_dir / "generation_config.json").read_text())["eos_token_id"] == [1]

    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(model_dir, arcname=".")
    s3.upload_file(str(tmp_path / "model.tar.gz"), BUCKET, "m/model.tar.gz")
    artifact = f"s3://{BUCKET}/m/model.tar.gz"
    code = container(
        evaluate,
        {"student_artifact": artifact, "live_artifact": artifact},
        teacher=TEACHER,
        student=STUDENT,
        max_new_tokens=6,
        teacher_max_records=25,
    )
    assert code == 0
    evaluated = read(s3, EvaluateResult)
    assert evaluated.student.n == evaluated.untuned_student.n == 30
    assert evaluated.teacher.n == 25
    assert evaluated.live == evaluated.student
    assert set(evaluated.baselines) == {"constant_answer", "nearest_question"}
    assert {one.other for one in evaluated.comparisons} == {
        *("untuned_student", "teacher", "constant_answer", "nearest_question", "live")
    }
    assert evaluated.examples


@pytest.fixture
def records(tmp_path):
    """Forty verified records in the channel's folder."""
    (tmp_path / "records").mkdir()
    rows = (
        TrainingRecord(
            id=str(number),
            messages=(Message(role="user", content=f"{number}?"),),
            completion=f"so\n#### {number}",
            answer=str(number),
            strategy="injection",
        )
        for number in range(40)
    )
    write_jsonl(tmp_path / "records" / "records.jsonl", rows)


@pytest.mark.usefixtures("records")
def test_a_student_learns_from_the_teachers_distribution_on_its_own_words(container, s3):
    settings = {
        "student": STUDENT,
        "method": "full",
        "precision": "float32",
        "training": {
            "max_steps": 6,
            "batch_tokens": 300,
            "kd_weight": 0.8,
            "jsd_beta": 0.5,
            "on_policy_fraction": 0.5,
        },
    }
    assert container(distill, teacher=TEACHER, **settings) == 0
    assert read(s3, DistillResult).steps == 6


@pytest.mark.usefixtures("records")
def test_a_student_is_reinforced_after_the_records_and_resumes_there(container, s3, tmp_path):
    reinforcement = {"steps": 3, "questions": 4, "samples": 4, "max_new_tokens": 3}
    settings = {
        "judging": {**BASE["judging"], "verifier": {"kind": "regex", "pattern": r"[a-m][\s\S]*"}},
        "student": STUDENT,
        "method": "full",
        "precision": "float32",
        "training": {"max_steps": 3, "batch_tokens": 300, "reinforcement": reinforcement},
    }
    assert container(distill, **settings) == 0
    first = read(s3, DistillResult)
    assert (first.steps, first.stopped_by) == (3, "finished")
    assert first.reinforced is not None
    assert (first.reinforced.steps, first.reinforced.validation_questions) == (3, 8)
    # Killed after that: the next attempt learns the records no second time.
    assert container(distill, **settings) == 0
    again = read(s3, DistillResult)
    assert again.reinforced is not None
    assert again.reinforced.resumed_from_step is not None
    assert again.curve == first.curve
    assert again.weights_sha256 == first.weights_sha256


@pytest.mark.usefixtures("records")
def test_nothing_of_learning_from_the_records_is_held_during_reinforcement(container, monkeypatch):
    held = []

    class Learns(Trainer):
        def __init__(self, student, plan, validation, objective, optimizers, *rest):
            super().__init__(student, plan, validation, objective, optimizers, *rest)
            held.extend(map(weakref.ref, (self, objective, optimizers)))

    class Improves(Reinforcer):
        def run(self, learned):
            held[:] = [one() for one in held]
            return super().run(learned)

    monkeypatch.setattr(distill, "Trainer", Learns)
    monkeypatch.setattr(distill, "Reinforcer", Improves)
    settings = {
        "judging": {**BASE["judging"], "verifier": ANYTHING},
        "student": STUDENT,
        "method": "full",
        "precision": "float32",
        "training": {
            "max_steps": 2,
            "batch_tokens": 300,
            "reinforcement": {"steps": 1, "questions": 2, "samples": 2, "max_new_tokens": 3},
        },
    }
    assert container(distill, **settings) == 0
    assert held == [None, None, None]


@pytest.mark.usefixtures("records")
def test_a_student_learns_from_a_teacher_of_another_tokenizer_where_asked_to(
    container, s3, tmp_path, monkeypatch
):
    folder = tmp_path / "byte-level"
    tokenizer = byte_level_tokenizer([("s", "o"), ("#", "#"), ("##", "##")])
    make_model(len(tokenizer), seed=4).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    monkeypatch.setenv("SM_CHANNEL_TEACHER", str(folder))
    settings = {"student": STUDENT, "method": "full", "precision": "float32", "teacher": TEACHER}
    training = {"max_steps": 4, "batch_tokens": 300, "kd_weight": 0.5, "on_policy_fraction": 0.5}
    assert container(distill, training=training, **settings) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert "set training.cross_tokenizer to align" in failure
    assert container(distill, training=training | {"cross_tokenizer": "align"}, **settings) == 0
    assert read(s3, DistillResult).steps == 4


@pytest.mark.usefixtures("records")
def test_a_distribution_that_cannot_be_had_is_refused(container, tmp_path):
    service = {"kind": "openai", "base_url": "http://localhost/v1", "model": "big"}
    settings = {"student": STUDENT, "method": "full", "precision": "float32"}
    code = container(distill, teacher=service, training={"kd_weight": 0.5}, **settings)
    assert code == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("IncompatibleVocabulary: training.kd_weight is 0.5")
    code = container(distill, training={"on_policy_fraction": 0.5}, **settings)
    assert code == 2
    assert "set kd_weight above 0" in (tmp_path / "output" / "failure").read_text()


@pytest.mark.usefixtures("records")
def test_a_student_cut_out_of_its_teacher_learns_from_its_distribution(
    container, s3, tmp_path, monkeypatch
):
    teacher = save_model(tmp_path / "deep", seed=1, num_hidden_layers=4)
    monkeypatch.setenv("SM_CHANNEL_TEACHER", str(teacher))
    monkeypatch.setenv("SM_CHANNEL_STUDENT", str(teacher))
    code = container(
        distill,
        student={**TEACHER, "layers": 2},
        teacher=TEACHER,
        method="full",
        precision="float32",
        training={"max_steps": 3, "batch_tokens": 300, "kd_weight": 0.5, "packing": True},
    )
    assert code == 0
    assert read(s3, DistillResult).steps == 3
    student = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert student.config.num_hidden_layers == len(student.model.layers) == 2
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    assert (manifest["base_model"], manifest["layers"]) == ("teacher", 2)


@pytest.mark.usefixtures("records")
def test_two_processes_leave_the_artifact_of_one(container, s3, tmp_path, monkeypatch):
    settings = {"student": STUDENT, "method": "lora", "precision": "float32"}
    training = {"max_steps": 3, "batch_tokens": 300, "packing": True}
    training["activation_checkpointing"] = True
    assert container(distill, training=training, **settings) == 0
    alone = read(s3, DistillResult)
    one = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    for folder in ("model", "checkpoints"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    monkeypatch.setenv("STRATOS_PROCESSES_PER_HOST", "2")
    assert container(distill, training=training, **settings) == 0
    together = read(s3, DistillResult)
    two = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    torch.testing.assert_close(two.state_dict(), one.state_dict(), rtol=1e-3, atol=1e-4)
    assert two.config.to_dict() == one.config.to_dict()
    assert together.num_trainable_parameters == alone.num_trainable_parameters
    assert together.training_tokens == alone.training_tokens
    assert (alone.num_devices, together.num_devices) == (1, 2)
    assert together.final_loss == pytest.approx(alone.final_loss, rel=1e-4)


def test_two_processes_fail_as_one_does(container, tmp_path, monkeypatch):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "records.jsonl").touch()
    monkeypatch.setenv("STRATOS_PROCESSES_PER_HOST", "2")
    settings = {"student": STUDENT, "method": "full", "precision": "float32", "training": {}}
    assert container(distill, **settings) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("TooFewVerifiedRecords: records.jsonl is empty")


@pytest.mark.usefixtures("records")
def test_a_lora_student_is_exported_merged_and_as_an_adapter(container, models, tmp_path):
    training = {"method": "lora", "max_steps": 3, "batch_tokens": 300}
    code = container(
        distill, student=STUDENT, method="lora", precision="float32", training=training
    )
    assert code == 0
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    base = AutoModelForCausalLM.from_pretrained(models["student"])
    changed = [
        name
        for (name, one), (_, other) in zip(
            merged.named_parameters(), base.named_parameters(), strict=True
        )
        if not one.equal(other)
    ]
    assert changed
    assert all("proj" in name for name in changed)
    assert (tmp_path / "model" / "adapter" / "adapter_model.safetensors").exists()


def test_too_low_a_yield_fails_by_name(container, tmp_path):
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
    assert failure.startswith("TooFewVerifiedRecords: 0 of 60 questions ended verified (0%)")
    assert "min_yield asks for 20%" in failure


def test_a_user_error_says_what_to_do(container, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("SM_CHANNEL_MODEL", str(tmp_path / "empty"))
    assert container(probe, role="student", model=TEACHER, max_new_tokens=4, synthesis={}) == 2
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("ValueError: 'teacher' has no config.json, only []; upload")


@pytest.mark.parametrize("program", ["probe", "synthesize", "distill", "evaluate"])
def test_a_program_runs_from_the_code_folder(program, tmp_path):
    """As the container starts it: by path, arguments it must bear, and threads that wait asleep."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text("{}")
    ended = subprocess.run(
        [sys.executable, f"training/{program}.py", "--student_artifact", "s3://b/k"],
        cwd=ROOT,
        env={
            **{key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"},
            "PYTHONPATH": str(ROOT),
            "SM_CHANNEL_CONFIG": str(tmp_path / "config"),
            "SM_OUTPUT_DIR": str(tmp_path / "output"),
            "OMP_DISPLAY_ENV": "TRUE",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert (tmp_path / "output" / "failure").read_text().startswith("ValidationError: ")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in ended.stderr
