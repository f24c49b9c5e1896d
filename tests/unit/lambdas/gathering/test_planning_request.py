"""What a run asks its planner."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.settings import settings
from lambdas.gathering.model_pool import model_pool
from lambdas.gathering.planning_request import planning_request
from lambdas.gathering.region_quotas import RegionQuotas
from stratos.catalog.quotas import Quota
from stratos.contracts.regions import RegionRefusal
from stratos.measuring.gates import Outlay
from stratos.moment import now
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


def test_the_planner_learns_where_jobs_may_run_and_what_regions_refused_lately(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_REGIONS", "eu-west-1,sa-east-1")
    settings.cache_clear()
    asked_for: list[list[str]] = []
    quotas = {"eu-west-1": {"ml.g5.xlarge": Quota(training=0)}}
    monkeypatch.setattr(
        "lambdas.gathering.planning_request.region_quotas",
        lambda regions: asked_for.append(regions) or RegionQuotas(known=quotas),
    )
    pipeline = start(account)
    pipeline.parse()
    dataset = Dataset.model_validate(pipeline.inspect())
    refusal = RegionRefusal(
        at=now() - timedelta(hours=2),
        run_id="r",
        region="eu-west-1",
        instance_type="ml.g5.xlarge",
        purchase="spot",
        outcome="capacity",
    )
    gone = refusal.model_copy(update={"outcome": "unreachable"})
    CatalogFiles(pipeline.run).add_refusals([refusal, gone])
    spec = factories.spec(constraints={"regions": ["us-east-1", "eu-west-1"]})
    pool = model_pool(pipeline.run, spec)
    asked = planning_request(pipeline.run, spec, dataset, pool, Outlay(usd=0.0, hours=0.0))
    assert asked.training_regions == ("us-east-1", "eu-west-1", "sa-east-1")
    assert asked.allowed(asked.training_regions) == ("us-east-1", "eu-west-1")
    assert (asked_for, asked.quotas) == ([["eu-west-1"]], quotas)  # others hold no data, nor calls
    assert asked.serving_regions == asked.training_regions
    assert asked.may_stand("realtime", "eu-west-1")
    assert not asked.may_stand("serverless", "eu-west-1")
    assert asked.may_stand("serverless", "us-east-1")
    [lately] = asked.refusals
    assert (lately.region, lately.purchase) == ("eu-west-1", "spot")
    assert lately.hours_ago == pytest.approx(2, abs=0.1)
