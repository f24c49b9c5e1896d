"""What an evaluation's result says of what is served."""

from __future__ import annotations

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
