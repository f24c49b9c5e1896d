"""A run that was submitted with a plan takes that plan, or is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from stratos.catalog.servers import ServerCatalog
from stratos.contracts.bucket import PLAN_METADATA, SERVERS_KEY
from stratos.contracts.plan import Plan
from stratos.contracts.plan_document import PlanDocument
from stratos.contracts.run import RunRef
from stratos.contracts.saved_plan import SavedPlan
from stratos.errors import SavedPlanChanged, SpecRejected
from stratos.planning.offline.planner import OfflinePlanner
from tests import factories
from tests.unit.lambdas.conftest import BUCKET, REGION, SPEC_KEY, Account
from tests.unit.lambdas.pipeline import Pipeline


@pytest.fixture
def saved(account: Account, tmp_path: Path) -> SavedPlan:
    """What `stratos plan --out` would have saved, whose choice is not what a run would choose."""
    for name, content in factories.spec_folder().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    servers = ServerCatalog.model_validate_json(account.read(SERVERS_KEY))
    planner = OfflinePlanner(tmp_path, (tmp_path / "spec.yaml").read_bytes(), servers)
    request, plans = planner.request(), planner.plans()
    document = PlanDocument(name="tiles", basis=planner.basis(request.dataset), plans=plans)
    chosen, *fallbacks = document.saved().plans
    other = next(plan for plan in fallbacks if plan.training != chosen.training)
    rest = tuple(plan for plan in fallbacks if plan is not other)
    return document.saved().model_copy(update={"plans": (other, chosen, *rest)})


def start(account: Account, saved: SavedPlan | bytes, **changes: Any) -> Pipeline:
    """Submit a spec with a plan, and claim its run."""
    account.drop()
    body = saved if isinstance(saved, bytes) else saved.model_dump_json().encode()
    account.put("specs/tiles/plan.json", body)
    version = account.client("s3").put_object(
        Bucket=BUCKET,
        Key=SPEC_KEY,
        Body=factories.spec_text(),
        Metadata={PLAN_METADATA: hashlib.sha256(body).hexdigest()},
    )["VersionId"]
    run = account.run(version)
    return Pipeline(account, RunRef.model_validate(run.model_dump() | changes))


def decisions(plan: Plan) -> tuple[object, ...]:
    return (plan.teacher, plan.student, plan.training, plan.serving, plan.hosting.mode)


def test_the_saved_choice_is_planned_probed_and_trained_though_another_scores_better(
    account: Account, saved: SavedPlan
) -> None:
    afresh = Pipeline(account, account.run(account.drop())).until_matched()
    assert decisions(afresh.evidence().plan) != decisions(saved.chosen)
    pipeline = start(account, saved).until_matched()
    evidence = pipeline.evidence()
    assert decisions(evidence.plan) == decisions(saved.chosen)
    assert pipeline.state["match"]["strategy"] == "injection"  # which the probes decide
    shown = {decisions(plan) for plan in saved.plans}
    assert {decisions(plan) for plan in evidence.matching.plans.front} <= shown
    assert {decisions(plan) for plan in evidence.matching.plans.fallbacks} <= shown


def test_without_the_note_on_its_spec_a_plan_that_lies_there_is_not_taken(
    account: Account, saved: SavedPlan
) -> None:
    account.put("specs/tiles/plan.json", saved.model_dump_json())
    pipeline = Pipeline(account, account.run(account.drop())).until_matched()
    assert decisions(pipeline.evidence().plan) != decisions(saved.chosen)


def test_a_scheduled_rerun_is_planned_afresh(account: Account, saved: SavedPlan) -> None:
    pipeline = start(account, saved, rerun=True).until_matched()
    assert decisions(pipeline.evidence().plan) != decisions(saved.chosen)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"spec_sha256": "0"}, r"plan\.json: the plan was made from another spec\.yaml"),
        ({"region": "eu-west-1"}, f"for a stack in eu-west-1, and this one is in {REGION}"),
    ],
)
def test_a_plan_of_another_spec_or_stack_is_refused_at_once(
    account: Account, saved: SavedPlan, change: dict[str, str], why: str
) -> None:
    basis = saved.basis.model_copy(update=change)
    with pytest.raises(SpecRejected, match=why):
        start(account, saved.model_copy(update={"basis": basis})).parse()
    assert "specs/tiles/rejection.json" in account.keys("specs/tiles/")


@pytest.mark.parametrize(
    ("lies_there", "why"),
    [(b"{}", "is not the one that the spec was submitted with"), (None, "does not exist any more")],
)
def test_a_plan_that_was_replaced_or_removed_is_refused(
    account: Account, saved: SavedPlan, lies_there: bytes | None, why: str
) -> None:
    pipeline = start(account, saved)
    if lies_there is None:
        account.client("s3").delete_object(Bucket=BUCKET, Key="specs/tiles/plan.json")
    else:
        account.put("specs/tiles/plan.json", lies_there)
    with pytest.raises(SpecRejected, match=why):
        pipeline.parse()


def test_a_plan_of_another_version_is_refused_in_words(account: Account) -> None:
    with pytest.raises(SpecRejected, match="saved by another version of Stratos"):
        start(account, json.dumps({"format_version": 9}).encode()).parse()


def test_other_records_than_were_planned_with_are_named(account: Account, saved: SavedPlan) -> None:
    counts = saved.basis.num_records | {"train": 7}
    basis = saved.basis.model_copy(update={"num_records": counts})
    pipeline = start(account, saved.model_copy(update={"basis": basis}))
    pipeline.parse()
    pipeline.inspect()
    with pytest.raises(SavedPlanChanged, match="train: 7 were planned with, there are"):
        pipeline.plan()


def test_a_price_that_has_changed_is_named_before_anything_is_paid(
    account: Account, saved: SavedPlan
) -> None:
    dearer = saved.chosen.training.model_copy(update={"usd_per_hour": 9.0})
    chosen = saved.chosen.model_copy(update={"training": dearer})
    pipeline = start(account, saved.model_copy(update={"plans": (chosen, *saved.plans[1:])}))
    pipeline.parse()
    pipeline.inspect()
    with pytest.raises(SavedPlanChanged, match=r"for training: \$9\.0000 an hour was shown, it is"):
        pipeline.plan()


def test_a_server_that_is_gone_is_named(account: Account, saved: SavedPlan) -> None:
    pipeline = start(account, saved)
    pipeline.parse()
    pipeline.inspect()
    servers = ServerCatalog.model_validate_json(account.read(SERVERS_KEY))
    gone = saved.chosen.training.instance_type
    left = tuple(row for row in servers.instance_types if row.instance_type != gone)
    fewer = servers.model_copy(update={"instance_types": left})
    account.put(SERVERS_KEY, fewer.model_dump_json())
    with pytest.raises(SavedPlanChanged, match=f"trained on {gone}.*cannot run any more"):
        pipeline.plan()


def test_probes_that_show_that_it_cannot_hold_end_the_run_before_it_trains(
    account: Account, saved: SavedPlan
) -> None:
    pipeline = start(account, saved).until_planned()
    pipeline.probe()
    pipeline.state["probes"][0]["failed"] = "TeacherFailed: 401"
    with pytest.raises(Exception, match="every teacher probe failed"):
        pipeline.match()
