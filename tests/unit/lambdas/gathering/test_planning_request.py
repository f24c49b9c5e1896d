"""What a run asks its planner."""

from __future__ import annotations

import pytest

from lambdas.gathering.model_pool import model_pool
from lambdas.gathering.planning_request import planning_request
from stratos.measuring.gates import Outlay
from stratos.pipeline.steps import Dataset
from stratos.planning.forecast.workload import workload_of
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start

OWN_SYSTEM = "{% if messages[0].role != 'system' %}Hand tiles{% endif %}"


@pytest.mark.parametrize("has_system", [False, True])
def test_prompts_are_counted_through_each_models_own_template(
    account: Account, has_system: bool
) -> None:
    pipeline = start(account)
    system = {"system": "Think."} if has_system else {}
    rows = [row | system for row in factories.dataset_rows()]
    account.put("specs/tiles/dataset.jsonl", factories.jsonl(rows))
    account.put(
        "specs/tiles/models/student/chat_template.jinja", OWN_SYSTEM + factories.CHAT_TEMPLATE
    )
    pipeline.parse()
    dataset = Dataset.model_validate(pipeline.inspect())
    spec = factories.spec()
    pool = model_pool(pipeline.run, spec)
    asked = planning_request(pipeline.run, spec, dataset, pool, Outlay(usd=0.0, hours=0.0))
    (teacher,), (student,) = asked.teachers, asked.students
    # `<|user|>` has letters that are pieces each; `Hand tiles` is two pieces.
    assert teacher.template_tokens == len("<|user|><|assistant|>") + (
        len("<|system|>") if has_system else 0
    )
    assert student.template_tokens == teacher.template_tokens + (0 if has_system else 2)
    work = workload_of(asked, None, teacher=teacher, student=student)
    assert work.prompt_tokens == asked.dataset.prompt_tokens + student.template_tokens
