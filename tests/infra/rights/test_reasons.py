"""Why each role may do what it may: a reason for each grant, and none beside."""

from __future__ import annotations

from infra.review.page import granted
from infra.rights.reasons import OF_ROLES, REASONS


def test_every_grant_has_its_reason_and_every_reason_its_grant(home_of_regions, worker_template):
    grants = {*granted(home_of_regions), *granted(worker_template)}
    used = {(role, action) for role, action in grants if (role, action) in OF_ROLES}
    assert used == OF_ROLES.keys()
    assert {action for role, action in grants - used} == REASONS.keys()
