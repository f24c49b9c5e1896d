"""Teacher and student are matched on what the probes measured."""

from __future__ import annotations

import pytest

from stratos.errors import NoFeasiblePlan
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start


def test_a_teacher_that_fails_but_can_explain_is_matched_with_injection(account: Account) -> None:
    match = start(account).until_matched().state["match"]
    assert match["strategy"] == "injection"
    assert (match["teacher"], match["student"]) == ("teacher", "student")


def test_probes_that_all_failed_leave_nothing_to_match(account: Account) -> None:
    pipeline = start(account).until_planned()
    pipeline.probe()
    pipeline.state["probes"][0]["failed"] = "TeacherFailed: 401"
    with pytest.raises(NoFeasiblePlan, match=r"every teacher probe failed.*401"):
        pipeline.match()
