"""The reviewer's page of several regions says all that they add, and why."""

from __future__ import annotations

import copy

import pytest

from infra.app import ROOT
from infra.review.regions_page import REGIONS_PAGE, regions_page
from tests.infra.conftest import WORKERS
from tests.infra.policies import actions
from tests.infra.resources import of_type

HANDLERS = ROOT / "lambdas" / "handlers"


def test_the_page_is_what_the_templates_say(home_of_regions, worker_template) -> None:
    page = (ROOT / "docs" / REGIONS_PAGE).read_text(encoding="utf-8")
    # The archives of these templates stand in for the built ones; the page names none of them.
    assert page == regions_page(home_of_regions, worker_template, HANDLERS, regions=WORKERS)


def test_every_role_of_a_worker_is_on_the_page_with_all_that_it_may(
    home_of_regions, worker_template
) -> None:
    page = regions_page(home_of_regions, worker_template, HANDLERS, regions=WORKERS)
    assert page.count("Assumed by `") == len(of_type(worker_template, "AWS::IAM::Role"))
    assert all(f"`{action}`" in page for action in actions(worker_template))
    assert all(f"`{action}`" in page for action in actions(home_of_regions, "HandOverRole"))


def test_a_grant_without_a_reason_stops_the_page(home_of_regions, worker_template) -> None:
    changed = copy.deepcopy(worker_template)
    policies = (r for r in changed["Resources"].values() if r["Type"] == "AWS::IAM::Policy")
    next(policies)["Properties"]["PolicyDocument"]["Statement"][0]["Action"] = "s3:DeleteBucket"
    with pytest.raises(ValueError, match=r"s3:DeleteBucket, and infra/rights/reasons.py"):
        regions_page(home_of_regions, changed, HANDLERS, regions=WORKERS)
