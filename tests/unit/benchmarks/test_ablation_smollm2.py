"""What the arms on real weights learn from, and when a part is done again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import ablation_smollm2 as ablation
from stratos.contracts.messages import Message
from stratos.contracts.records import Record, TrainingRecord, write_jsonl
from stratos.spec import Spec
from stratos.spec.reader import read_spec

GOLD = {"a": "billing", "b": "billing", "c": "stock"}


def question(name: str) -> tuple[Message, ...]:
    return (Message(role="user", content=f"the {name} lamp is broken"),)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three answered questions, of which the model explained one."""
    monkeypatch.setattr(ablation, "WORK", tmp_path)
    train = [Record(id=id, messages=question(id), gold=gold) for id, gold in GOLD.items()]
    explained = TrainingRecord(
        id="a",
        messages=question("a"),
        completion="The customer was charged twice.\n#### billing",
        answer="billing",
        strategy="injection",
    )
    write_jsonl(tmp_path / "train.jsonl", train)
    write_jsonl(tmp_path / "explained.jsonl", [explained])
    return tmp_path


@pytest.fixture
def spec() -> Spec:
    return read_spec((ablation.EXAMPLE / "spec.yaml").read_bytes())


def test_answers_only_learns_the_records_of_injection(work: Path) -> None:
    assert ablation.records_of("answers_only") == ablation.records_of("injection")
    assert [record.id for record in ablation.records_of("injection")] == ["a"]


def test_every_answer_is_learned_whether_explained_or_not(work: Path) -> None:
    records = ablation.records_of("every_answer")
    assert {record.id: record.answer for record in records} == GOLD


def test_baselines_know_only_the_training_split(work: Path) -> None:
    heldout = [
        Record(id="x", messages=question("c"), gold="stock"),
        Record(id="y", messages=question("a"), gold="stock"),
    ]
    rows = ablation.baselines(heldout)
    assert rows["constant answer"]["successes"] == 0
    assert rows["nearest question"]["successes"] == 1


def test_a_part_is_done_again_only_if_its_records_have_changed(
    work: Path, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="log\n" + json.dumps({"right": [1]}))

    monkeypatch.setattr(subprocess, "run", run)
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"max_steps": 7})})
    for _ in range(2):
        assert ablation.once(spec, "--one", "injection", "0") == {"right": [1]}
    assert len(calls) == 1
    assert calls[0][0] == sys.executable
    assert "--steps=7" in calls[0]
    (work / "explained.jsonl").write_text("")
    ablation.once(spec, "--one", "injection", "0")
    assert len(calls) == 2


def test_the_result_holds_every_arm_beside_the_untuned_model_and_the_baselines(
    work: Path, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = {"injection": [True, True], "answers_only": [True, False], "every_answer": [True] * 2}
    heldout = [Record(id=id, messages=question(id), gold="stock") for id in ("x", "y")]
    write_jsonl(work / "heldout.jsonl", heldout)

    def once(_spec: Spec, *arguments: str) -> ablation.Run:
        if arguments == ("--prepare",):
            return {"right": [False, False], "yield": {}}
        _, arm, seed = arguments
        hits = [True, False] if (arm, seed) == ("injection", "0") else right[arm]
        return {"arm": arm, "seed": int(seed), "right": hits}

    monkeypatch.setattr(ablation, "once", once)
    monkeypatch.setattr(ablation, "RESULTS", work)
    ablation.compare(spec, ablation.ARMS, 3, "trial")
    result = json.loads((work / "trial.json").read_text())
    assert result["rows"]["untuned"]["successes"] == 0
    assert result["rows"]["injection, all seeds"]["n"] == 6
    assert result["means"]["injection"] == pytest.approx(5 / 6)
    assert result["means"]["every_answer"] == 1.0
    values = [check["value"] for check in result["checks"]]
    assert values == pytest.approx([1 / 3, -1 / 6], abs=1e-4)
