"""Findings that stay in the policies of runs."""

from __future__ import annotations

from infra.rights.accepted_of_runs import run_role_findings


def test_each_worker_region_has_its_own_findings():
    none, one = run_role_findings(()), run_role_findings(("eu-west-1",))
    assert set(none) < set(one)
    added = set(one) - set(none)
    assert all("eu-west-1" in path for finding in added for path in finding.paths)
