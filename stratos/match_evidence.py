"""`match.json`: the choice after probing, and everything it rests on."""

from __future__ import annotations

from stratos.frozen import FrozenModel
from stratos.jobs import ProbeResult
from stratos.plan import Plan, Server
from stratos.planning.request import Matching


class TriedStudent(FrozenModel):
    """A student that missed a gate in an earlier attempt of the run."""

    name: str
    reason: str


class MatchEvidence(FrozenModel):
    attempt: int
    matching: Matching
    probes: tuple[ProbeResult, ...]
    dropped: dict[str, str]
    """Probe → why its candidate was dropped."""
    tried: tuple[TriedStudent, ...]
    spent_usd: float
    spent_hours: float

    @property
    def plan(self) -> Plan:
        return self.matching.plan

    def students_left(self) -> list[str]:
        """Students that feasible plans name and no attempt has used, this one's included."""
        used = {student.name for student in self.tried} | {self.plan.student}
        named = dict.fromkeys(plan.student for plan in plans_in_order(self.matching))
        return [name for name in named if name not in used]


def plans_in_order(matching: Matching) -> tuple[Plan, ...]:
    """The choice first, then the runners-up, then the rest of the front."""
    plans = matching.plans
    return (matching.plan, *plans.fallbacks, *plans.front)


def training_servers(plans: tuple[Plan, ...], student: str) -> list[Server]:
    """Servers to train a student on, the preferred one first: where a capacity error moves to."""
    servers = [plan.training for plan in plans if plan.student == student]
    return list({(s.instance_type, s.count, s.region, s.purchase): s for s in servers}.values())
