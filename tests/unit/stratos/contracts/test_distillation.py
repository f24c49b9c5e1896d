"""What a result of training says of what ended it and of its pace."""

from __future__ import annotations

import pytest

from stratos.contracts.distillation import CONTENDED_CPU_SHARE, Reinforced
from tests import factories


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


def test_only_a_training_that_other_programs_held_up_names_them() -> None:
    trained = factories.cut_training()
    shares = (None, CONTENDED_CPU_SHARE, 0.314)
    told = [trained.model_copy(update={"cpu_share": share}).contention for share in shares]
    assert told == [None, None, "the machine was busy: training got 31% of the CPU it asked for"]
