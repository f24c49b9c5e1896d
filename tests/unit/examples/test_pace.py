"""The hours of an example suit the machine that it runs on."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from stratos.spec import Weights
from stratos.spec.reader import read_spec
from tests.tiny_gguf import write_tiny_gguf

EXAMPLES = Path(__file__).parents[3] / "examples"
EXAMPLE = EXAMPLES / "mahjong-waits"


@pytest.fixture
def pace() -> Iterator[ModuleType]:
    sys.path.insert(0, str(EXAMPLES))
    yield importlib.import_module("pace")
    sys.path.remove(str(EXAMPLES))


@pytest.mark.parametrize(
    ("seconds", "hours"), [(0.01, 0.2), (0.17, 0.2), (0.19, 0.4), (0.85, 1.0), (2.0, 2.2)]
)
def test_a_slower_machine_gets_a_multiple_of_the_hours(
    pace: ModuleType, seconds: float, hours: float
) -> None:
    assert pace.needed_hours(0.2, 650, seconds) == hours


def test_a_machine_that_is_fast_enough_runs_the_example_as_it_is(
    pace: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pace, "step_seconds", lambda *_: 0.1)
    before = logging.getLogger("training").level
    folder, told = pace.fitted_to_machine(EXAMPLE, tmp_path)
    assert logging.getLogger("training").level == before
    assert folder == EXAMPLE
    assert told == "a training step takes 0.10 s here; max_training_hours: 0.2 suffices"


def test_on_a_machine_five_times_slower_only_the_hours_change(
    pace: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pace, "step_seconds", lambda *_: 0.85)
    folder, told = pace.fitted_to_machine(EXAMPLE, tmp_path)
    assert told == ("a training step takes 0.85 s here; max_training_hours is set to 1, from 0.2")
    before, after = (read_spec((path / "spec.yaml").read_text()) for path in (EXAMPLE, folder))
    assert after.constraints.max_training_hours == 1.0
    limits = before.constraints.model_copy(update={"max_training_hours": 1.0})
    assert after == before.model_copy(update={"constraints": limits})
    assert (folder / "dataset.jsonl").read_bytes() == (EXAMPLE / "dataset.jsonl").read_bytes()


def test_the_step_that_is_measured_is_one_of_the_spec(
    pace: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With as many tokens, and the optimizer that it names."""
    spec = read_spec((EXAMPLE / "spec.yaml").read_text())
    made, tokens = [], []
    optimizers, plan = pace.Optimizers, pace.BatchPlan

    class Seen(plan):  # type: ignore[misc,valid-type]
        def step(self, index: int) -> object:
            batches = super().step(index)
            tokens.append(sum(batch.num_tokens for batch in batches))
            return batches

    def make(model: object, training: object, rate: float) -> object:
        made.append(optimizers(model, training, rate))
        return made[-1]

    monkeypatch.setattr(pace, "Optimizers", make)
    monkeypatch.setattr(pace, "BatchPlan", Seen)
    seconds = pace.step_seconds(spec, spec.students[0], EXAMPLE, least_seconds=0.0)
    assert seconds > 0
    assert len(tokens) == 3
    assert all(count == pytest.approx(2048, rel=0.1) for count in tokens)
    assert any("momentum_buffer" in name for name in made[0].tensors())


@pytest.mark.parametrize(
    ("took", "enough"),
    [
        ([], False),
        ([0.0], False),
        ([0.0, 2.0], False),
        ([0.0, 2.0, 4.0], True),
        ([0.0, 0.2, 0.4], False),
        ([0.0, 20.0], True),
    ],
)
def test_a_long_step_is_measured_once_and_short_ones_until_a_second_has_passed(
    pace: ModuleType, took: list[float], enough: bool
) -> None:
    clock = pace._Measured(took, least_seconds=1.0)
    assert (clock.must_end() is not None) is enough


def test_the_student_may_be_a_gguf(
    pace: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pace, "_RECORD_TOKENS", 48)
    write_tiny_gguf(tmp_path / "tiny.gguf")
    told = read_spec((EXAMPLES / "smollm2-inbox" / "spec.yaml").read_text())
    student = Weights(kind="weights", path="tiny.gguf")
    assert pace.step_seconds(told, student, tmp_path, least_seconds=0.0) > 0
