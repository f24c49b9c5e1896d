"""What a job's result says: of what is served, and of what ended training."""

from __future__ import annotations

import pytest

from stratos.contracts.jobs import Reinforced
from tests import factories


def test_a_result_is_read_in_the_precision_that_is_served() -> None:
    result = factories.evaluated_quantised(340, 360)
    assert result.served_by(factories.engine("q8_0")) == result
    assert result.served_by(None) == result
    full = result.served_by(factories.engine("float16"))
    assert (full.student.successes, full.precision, full.full_precision) == (360, "float16", None)
    assert full.teacher == result.teacher


def test_the_engine_of_a_result_is_known_by_its_name_whatever_its_version() -> None:
    scored, before = factories.evaluated_quantised(340, 360), factories.evaluate_result()
    assert scored.came_through(factories.engine("q8_0"))
    assert not scored.came_through(factories.engine("bfloat16", "vllm"))
    assert not before.came_through(factories.engine("q8_0"))


@pytest.mark.parametrize(
    ("reinforced_by", "told"),
    [("finished", "training stopped at step 70 of 650"), ("deadline", "reinforcement stopped at")],
)
def test_the_phase_that_was_cut_is_named(reinforced_by: str, told: str) -> None:
    reinforced = Reinforced.model_validate(
        {
            "steps": 20,
            "planned_steps": 20,
            "stopped_by": reinforced_by,
            "resumed_from_step": None,
            "seconds": 30.0,
            "validation_questions": 0,
            "accuracy_before": None,
            "accuracy_after": None,
            "curve": (),
        }
    )
    cut = factories.cut_training().model_copy(update={"reinforced": reinforced})
    assert cut.cut_short is not None
    assert cut.cut_short.startswith(told)
