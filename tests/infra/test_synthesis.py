"""Synthesis is repeatable, and its result is clean."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.app import ROOT
from infra.parts.network import NetworkDefaults
from infra.parts.run_limits import RunLimits
from infra.parts.storage import Retention
from infra.rights.accepted_findings import accepted
from infra.stack import Stratos, retention_of_logs


def test_synthesizing_twice_gives_the_same_template(synthesize, template, tmp_path):
    assert synthesize(tmp_path) == template


def test_cfn_lint_finds_no_error(template, tmp_path):
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    # W3005: the CDK spells out dependencies that a reference implies already.
    linter = Path(sys.executable).with_name("cfn-lint")
    checked = subprocess.run(
        [linter, "--ignore-checks", "W3005", "--", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


RETENTION = Retention(record_days=0, upload_days=400, checkpoint_days=14, version_days=1)
RUN_LIMITS = RunLimits(concurrent_runs=4, concurrent_runs_per_spec=2, default_budget_usd=20)
NO_VPC = NetworkDefaults(subnets="", security_groups="", encrypts_traffic=False)


def test_every_accepted_finding_is_one_that_cdk_nag_has(assets, tmp_path):
    app = App(context=json.loads((ROOT / "cdk.json").read_text())["context"], outdir=str(tmp_path))
    stack = Stratos(
        app,
        "Stratos",
        assets=assets,
        network=NO_VPC,
        log_retention_days=30,
        retention=RETENTION,
        run_limits=RUN_LIMITS,
        several_instance_types=True,
        notification_email=None,
    )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(Exception, match=r"(?i)validation"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    found = {
        (violation["ruleName"], construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }
    for path, rule, reason in accepted(stack):
        assert any(rule == r and where.startswith(f"Stratos/{path}/") for r, where in found), path
        assert len(reason) > 20


def test_no_resource_type_is_beyond_the_embedded_cloud_and_no_function_is_hidden(template):
    types = {resource["Type"] for resource in template["Resources"].values()}
    assert not any("Custom::" in name or name.endswith("CustomResource") for name in types)
    functions = [r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    assert {item["Properties"]["Handler"].split(".")[0] for item in functions} == {"lambdas"}


def test_the_state_tables_are_what_the_templates_say(template, home_of_regions, worker_template):
    from infra.docs import states_page

    page = states_page(template, home_of_regions, worker_template)
    assert (ROOT / "docs" / "states.md").read_text() == page


def test_an_address_and_private_hosts_of_the_settings_reach_the_stack(assets, tmp_path):
    app = App(outdir=str(tmp_path))
    Stratos(
        app,
        "Stratos",
        assets=assets,
        network=replace(NO_VPC, private_hosts=("a.example", "b.example")),
        log_retention_days=7,
        retention=RETENTION,
        run_limits=RUN_LIMITS,
        several_instance_types=False,
        notification_email="a@example.com",
    )
    template = app.synth().get_stack_by_name("Stratos").template
    (subscription,) = (
        r for r in template["Resources"].values() if r["Type"] == "AWS::SNS::Subscription"
    )
    assert subscription["Properties"]["Endpoint"] == "a@example.com"
    told = [
        resource["Properties"]["Environment"]["Variables"]["PRIVATE_HOSTS"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function" and name.startswith("Functions")
    ]
    assert set(told) == {"a.example,b.example"}


def test_a_retention_that_cloudwatch_does_not_offer_is_refused():
    with pytest.raises(ValueError, match="log_retention_days is 8; choose one of 1, 7"):
        retention_of_logs(8)


def test_the_packaged_node_is_used(monkeypatch):
    from infra.packaging.node import use_packaged_node

    monkeypatch.delenv("JSII_NODE", raising=False)
    use_packaged_node()
    version = subprocess.run(
        [os.environ["JSII_NODE"], "--version"], capture_output=True, text=True, check=True
    )
    assert Path(os.environ["JSII_NODE"]).is_absolute()
    assert int(version.stdout.strip().lstrip("v").split(".")[0]) >= 22


def test_neither_the_app_nor_the_command_line_reports_its_use():
    settings = json.loads((ROOT / "cdk.json").read_text())
    assert settings["versionReporting"] is False
    assert settings["context"]["cli-telemetry"] is False
