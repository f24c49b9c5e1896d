"""The planner's two passes: before money is spent, and after the candidates were probed."""

from __future__ import annotations

from collections.abc import Sequence

from stratos.jobs import ProbeResult
from stratos.plan import PlanSet
from stratos.planning.request import Matching, PlanningRequest


def plan_before_probing(request: PlanningRequest) -> PlanSet:
    """Choose on priors: what to probe, and where it would run.

    Raises:
        NoFeasiblePlan: when nothing holds every hard constraint; names the nearest plans.
    """
    raise NotImplementedError


def plan_after_probing(
    request: PlanningRequest,
    probes: Sequence[ProbeResult],
    excluded_students: frozenset[str] = frozenset(),
) -> Matching:
    """Choose again on measurements, without the students that already missed their gate.

    Raises:
        NoFeasiblePlan: when nothing holds every hard constraint; names the nearest plans.
    """
    raise NotImplementedError
