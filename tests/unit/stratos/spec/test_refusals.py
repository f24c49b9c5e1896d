"""No message of a spec speaks of validators, and each names what would do."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.spec.reader import read_document
from stratos.spec.refusals import did_you_mean
from tests import factories


def told(**sections: Any) -> list[str]:
    return [str(each) for each in read_document(factories.spec_text(**sections)).problems]


@pytest.mark.parametrize(
    ("sections", "needed"),
    [
        ({"constraints": {"servers_per_step": "x"}}, "found 'x'; needed: auto or a whole number"),
        (
            {"constraints": {"servers_per_step": 0}},
            "found 0; needed: auto or greater than or equal to 1",
        ),
        (
            {"hosting": {"precision": "q8"}},
            "found 'q8'; needed: one of float32, float16, q8_0, q4_k_m or auto; "
            "did you mean `q8_0`?",
        ),
        ({"strategy": "align"}, "needed: one of auto, alignment, injection, blend"),
        ({"training": {"method": 3}}, "found 3; needed: one of auto, full, lora"),
    ],
)
def test_a_field_of_several_types_has_one_problem_that_names_them_all(
    sections: dict[str, Any], needed: str
) -> None:
    (problem,) = told(**sections)
    assert needed in problem
    place, *_ = problem.partition(": found")
    assert "[" not in place
    assert "constrained" not in place


def test_a_mapping_in_the_place_of_a_word_is_told_at_its_place() -> None:
    (problem,) = told(hosting={"precision": {"a": 1}})
    assert "hosting.precision: found a mapping; needed: " in problem


@pytest.mark.parametrize(
    ("sections", "place"),
    [
        ({"constraints": {"regions": ["us-east-11"]}}, "constraints.regions[0]"),
        ({"load": {"origins": {"us-east-11": 2}}}, "load.origins.us-east-11"),
    ],
)
def test_a_region_that_is_not_known_is_refused_with_one_like_it(
    sections: dict[str, Any], place: str
) -> None:
    (problem,) = told(**sections)
    assert f"{place}: 'us-east-11' is no region whose place is known; did you mean `us-" in problem


def test_what_resembles_nothing_gets_no_hint() -> None:
    assert did_you_mean("zzz", ["alpha", "beta"]) == ""
    assert did_you_mean("alhpa", ["alpha", "beta"]) == "; did you mean `alpha`?"
