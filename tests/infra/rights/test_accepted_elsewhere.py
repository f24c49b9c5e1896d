"""Findings of cdk-nag in stacks of several regions, each with a reason, and none too many."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.app import ROOT
from infra.packaging.assets import Assets
from infra.regions import Regions
from infra.rights.accepted_elsewhere import home_findings, worker_findings
from infra.rights.accepted_findings import FINDINGS, accepted
from infra.rights.accepted_of_runs import run_role_findings
from infra.stack import Stratos
from infra.worker import Worker
from stratos.hosting.names import DEFAULT_STACK, StackNames
from tests.infra.conftest import HOME, WORKERS
from tests.infra.test_synthesis import NO_VPC, RETENTION, RUN_LIMITS


def test_without_worker_regions_home_has_the_findings_that_it_had() -> None:
    assert home_findings(()) == (*FINDINGS, *run_role_findings(()))


@pytest.fixture(scope="module")
def found(assets: Assets, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Rule and construct of everything that cdk-nag finds where nothing is accepted."""
    outdir = tmp_path_factory.mktemp("nag")
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(context=context, outdir=str(outdir))
    _stacks(app, assets)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(Exception, match=r"(?i)validation"):
        app.synth()
    report = json.loads((outdir / "validation-report.json").read_text())
    return {
        (violation["ruleName"], construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


def test_every_accepted_finding_is_one_that_cdk_nag_has(found, assets, tmp_path) -> None:
    home, worker = _stacks(App(outdir=str(tmp_path)), assets)
    for stack, findings in (
        (home, home_findings(WORKERS[:1])),
        (worker, worker_findings(HOME)),
    ):
        for path, rule, reason in accepted(stack, findings):
            place = f"{stack.node.id}/{path}/"
            assert any(rule == r and where.startswith(place) for r, where in found), (rule, path)
            assert len(reason) > 20


def _stacks(app: App, assets: Assets) -> tuple[Stratos, Worker]:
    shared: Any = {"assets": assets, "log_retention_days": 30, "notification_email": None}
    home = Stratos(
        app,
        DEFAULT_STACK,
        network=NO_VPC,
        retention=RETENTION,
        run_limits=RUN_LIMITS,
        several_instance_types=True,
        regions=Regions(HOME, WORKERS[:1]),
        **shared,
    )
    worker = Worker(
        app,
        StackNames(DEFAULT_STACK),
        region=WORKERS[0],
        home=HOME,
        checkpoint_days=14,
        encrypts_traffic=False,
        **shared,
    )
    return home, worker
