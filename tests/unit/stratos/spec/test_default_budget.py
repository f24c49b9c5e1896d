"""A budget for specs that name none, and who is told that it is the stack's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stratos.docs import spec_reference
from stratos.errors import SpecRejected
from stratos.measuring.gates import Outlay, judge_outlay
from stratos.spec import Spec
from stratos.spec.default_budget import (
    DEFAULT_BUDGET_USD,
    MARK,
    as_written,
    is_default,
    with_default_budget,
)
from stratos.spec.reader import read_spec
from tests import factories

ROOT = Path(__file__).parents[4]


def spec(**constraints: float) -> Spec:
    return Spec.model_validate(factories.spec_dict(constraints=constraints))


def test_a_spec_that_names_no_budget_gets_the_stacks_and_says_so():
    found = with_default_budget(spec(), 80)
    assert found.constraints.max_budget_usd == 80
    assert is_default(found, "max_budget_usd")
    assert not is_default(found, "max_training_hours")
    stored = Spec.model_validate_json(found.model_dump_json())
    assert stored == found
    assert as_written(stored) == spec()


@pytest.mark.parametrize(("constraints", "usd"), [({"max_budget_usd": 5.0}, 80), ({}, 0)])
def test_a_specs_own_budget_stays_and_a_stack_may_have_none(constraints, usd):
    asked = spec(**constraints)
    assert with_default_budget(asked, usd) == asked
    assert as_written(asked) == asked
    assert MARK not in asked.model_dump_json()


def test_no_spec_says_of_itself_that_its_budget_is_the_stacks():
    text = json.dumps(factories.spec_dict(constraints={"max_budget_usd": 5, MARK: True}))
    with pytest.raises(SpecRejected, match=f"{MARK}: no field of a spec"):
        read_spec(text)
    assert MARK not in spec_reference()
    assert MARK not in json.dumps(Spec.model_json_schema())


def test_the_default_of_a_plan_without_a_stack_is_the_one_that_is_shipped():
    shipped = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert shipped["stratos:default_max_budget_usd"] == DEFAULT_BUDGET_USD


def test_a_run_that_spent_the_default_is_told_whose_it_was():
    verdict = judge_outlay(Outlay(90, 1), with_default_budget(spec(), 80).constraints)
    assert verdict.reason == "max_budget_usd: $90 spent, 80 allowed by default"
