"""Distillation as SageMaker runs it, in one process and in two."""

import hashlib
import json
import shutil
import weakref
from dataclasses import replace

import pytest
import torch
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split
from transformers import AutoModelForCausalLM

from serving.llama_cpp.build import BUILD
from stratos.contracts.distillation import DistillResult
from tests.unit.training.jobs import ANYTHING, BASE, STUDENT, TEACHER, lay_out, read
from tests.unit.training.tiny_models import (
    byte_level_tokenizer,
    make_model,
    make_tokenizer,
    save_model,
)
from training import distill, start
from training.learning.reinforce import Reinforcer
from training.learning.trainer import Trainer
from training.objectives.choose import choose_objective


@pytest.mark.usefixtures("records")
def test_records_become_a_student_whose_files_its_manifest_names(container, s3, tmp_path):
    training = {"max_steps": 5, "batch_tokens": 400, "max_sequence_tokens": 250}
    settings = {"student": STUDENT, "method": "full", "precision": "float32"}
    assert container(distill, gguf=["float32", "q8_0"], training=training, **settings) == 0
    result = read(s3, DistillResult)
    assert (result.steps, result.stopped_by) == (5, "finished")
    model_dir = tmp_path / "model"
    manifest = json.loads((model_dir / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((model_dir / name).read_bytes()).hexdigest() == digest
    assert manifest["weights_sha256"] == result.weights_sha256
    assert {"README.md", "metrics.json", "model.safetensors", "model.gguf"} <= set(
        manifest["files"]
    )
    assert {name.partition("/")[0] for name in manifest["files"]} & {"code", "serving"} == set()
    assert manifest["gguf"] == {
        "model.gguf": {"precision": "float32", "llama_cpp": BUILD},
        "model-q8_0.gguf": {"precision": "q8_0", "llama_cpp": BUILD},
    }
    assert "llama-server --model model-q8_0.gguf" in (model_dir / "README.md").read_text()
    held = {str(path.relative_to(model_dir)) for path in model_dir.rglob("*") if path.is_file()}
    listed = json.loads((model_dir / "manifest.json").read_text())["files"]
    assert held == listed.keys() | {"manifest.json"}  # by which `stratos pull` checks them
    assert json.loads((model_dir / "generation_config.json").read_text())["eos_token_id"] == [1]


@pytest.mark.usefixtures("records")
def test_a_student_that_llama_cpp_cannot_serve_is_refused_before_it_is_trained(container, tmp_path):
    folder = tmp_path / "unlike"
    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    make_model(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    lay_out(tmp_path, student=folder)
    settings = {"student": STUDENT, "method": "full", "precision": "float32"}
    assert container(distill, training={"max_steps": 1}, **settings) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("NotExportable: the tokenizer splits text by split [")
    assert not (tmp_path / "checkpoints").exists()
    # vLLM can serve it, so a plan for GPUs trains it.
    assert container(distill, training={"max_steps": 1}, gguf_required=False, **settings) == 0
    assert not list((tmp_path / "model").glob("*.gguf"))
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["gguf"] == {}
    assert "llama-server" not in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(("export_seconds", "kept"), [(50.0, 30.0 + 50.0), (9000.0, 300.0)])
def test_time_is_kept_for_the_files_of_llama_cpp(container, monkeypatch, export_seconds, kept):
    asked, reserves = [], []

    class Learns(Trainer):
        def __init__(self, student, plan, validation, objective, optimizers, schedule, *rest):
            super().__init__(student, plan, validation, objective, optimizers, schedule, *rest)
            reserves.append(schedule.reserve_seconds)

    def takes(num_parameters, precisions):
        asked.append(precisions)
        return export_seconds

    monkeypatch.setattr(distill, "Trainer", Learns)
    monkeypatch.setattr(distill, "gguf_seconds", takes)
    settings = {"student": STUDENT, "method": "full", "precision": "float32"}
    assert container(distill, gguf=["float32"], training={"max_steps": 1}, **settings) == 0
    assert (asked, reserves) == ([("float32",)], [kept])


@pytest.mark.usefixtures("records")
def test_the_hours_a_cut_training_needs_hold_what_the_teacher_takes_before_it(
    container, s3, monkeypatch
):
    class Cut(Trainer):
        def run(self):
            return replace(super().run(), stopped_by="deadline")

    def takes_minutes(job, *rest):
        job.clock._start -= 400
        return choose_objective(job, *rest)

    monkeypatch.setattr(distill, "Trainer", Cut)
    monkeypatch.setattr(distill, "choose_objective", takes_minutes)
    settings = {"student": STUDENT, "method": "full", "precision": "float32"}
    assert container(distill, training={"max_steps": 1}, **settings) == 0
    hours = read(s3, DistillResult).needed_hours
    assert hours is not None
    assert hours * 3600 > 400


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
    container, s3, tmp_path
):
    folder = tmp_path / "byte-level"
    tokenizer = byte_level_tokenizer([("s", "o"), ("#", "#"), ("##", "##")])
    make_model(len(tokenizer), seed=4).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    lay_out(tmp_path, teacher=folder)
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
def test_a_student_cut_out_of_its_teacher_learns_from_its_distribution(container, s3, tmp_path):
    teacher = save_model(tmp_path / "deep", seed=1, num_hidden_layers=4)
    lay_out(tmp_path, teacher=teacher, student=teacher)
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
    assert container(start, kind="distill", training=training, **settings) == 0
    together = read(s3, DistillResult)
    two = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    torch.testing.assert_close(two.state_dict(), one.state_dict(), rtol=1e-3, atol=1e-4)
    assert two.config.to_dict() == one.config.to_dict()
    assert together.num_trainable_parameters == alone.num_trainable_parameters
    assert together.training_tokens == alone.training_tokens
    assert (alone.num_devices, together.num_devices) == (1, 2)
    assert together.final_loss == pytest.approx(alone.final_loss, rel=1e-4)


@pytest.mark.usefixtures("records")
def test_two_processes_reinforce_as_one_does(container, s3, tmp_path, monkeypatch):
    reinforcement = {"steps": 2, "questions": 4, "samples": 4, "max_new_tokens": 3}
    settings = {
        "judging": {**BASE["judging"], "verifier": {"kind": "regex", "pattern": r"[a-m][\s\S]*"}},
        "student": STUDENT,
        "method": "full",
        "precision": "float32",
        "training": {"max_steps": 2, "batch_tokens": 300, "reinforcement": reinforcement},
    }
    assert container(distill, **settings) == 0
    alone = read(s3, DistillResult)
    for folder in ("model", "checkpoints"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    monkeypatch.setenv("STRATOS_PROCESSES_PER_HOST", "2")
    assert container(start, kind="distill", **settings) == 0
    together = read(s3, DistillResult)
    assert (alone.num_devices, together.num_devices) == (1, 2)
    assert alone.reinforced is not None
    assert together.reinforced is not None
    rewards = [[point.reward for point in one.reinforced.curve] for one in (alone, together)]
    assert len(rewards[0]) == 2
    assert rewards[0] == rewards[1]
    assert together.reinforced.accuracy_after == alone.reinforced.accuracy_after


def test_two_processes_fail_as_one_does(container, tmp_path, monkeypatch):
    (tmp_path / "records" / "records.jsonl").touch()
    monkeypatch.setenv("STRATOS_PROCESSES_PER_HOST", "2")
    settings = {"student": STUDENT, "method": "full", "precision": "float32", "training": {}}
    assert container(start, kind="distill", **settings) == 1
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
