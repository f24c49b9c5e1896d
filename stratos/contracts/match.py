"""`match.json`: the choice after probing, and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stratos.contracts.jobs import ProbeResult
from stratos.contracts.plan import Matching, Plan, Server
from stratos.frozen import FrozenModel
from stratos.spec import CpuPrecision


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
    precision_changed: str | None = None
    """Why the plan serves the student in full precision although it was matched quantised."""

    @property
    def plan(self) -> Plan:
        return self.matching.plan

    def students_left(self) -> list[str]:
        """Students of feasible plans that no attempt has used, including this one."""
        used = {student.name for student in self.tried} | {self.plan.student}
        named = dict.fromkeys(plan.student for plan in plans_in_order(self.matching))
        return [name for name in named if name not in used]


def plans_in_order(matching: Matching) -> tuple[Plan, ...]:
    """The choice first, then the runners-up, then the rest of the front."""
    plans = matching.plans
    return (matching.plan, *plans.fallbacks, *plans.front)


FULL_PRECISION = "full_precision"
"""The alternative that a quantised choice falls back to (`PlanSet.alternatives`)."""


def is_quantised(plan: Plan) -> bool:
    """Whether what serves it holds its weights in fewer bits than they were trained in."""
    return plan.engine is not None and plan.engine.is_quantised


def full_precision_plan(evidence: MatchEvidence) -> Plan | None:
    """The best plan that serves what the chosen one trains in full precision.

    The choice itself if it is not quantised; None if no server can hold the model unquantised.
    """
    plan = evidence.plan
    return evidence.matching.plans.alternatives.get(FULL_PRECISION) if is_quantised(plan) else plan


def model_of(plan: Plan) -> tuple[str, ...]:
    """What a trained model depends on, and the region its endpoint is in."""
    return (plan.teacher, plan.student, plan.method, plan.precision, plan.serving.region)


def trained_alike(plans: Iterable[Plan], like: Plan) -> Iterator[Plan]:
    """Plans that train the same student, from the same teacher, in the same way."""
    way = _way(like)
    return (plan for plan in plans if _way(plan) == way)


def plan_trained_on(matching: Matching, server: Server) -> Plan | None:
    """The chosen plan as it is forecast on a server; None if no plan of the front trains there."""
    alike = trained_alike(plans_in_order(matching), matching.plan)
    return next((plan for plan in alike if _place(plan.training) == _place(server)), None)


def _place(server: Server) -> tuple[str, int, str]:
    return (server.instance_type, server.count, server.region)


def _way(plan: Plan) -> tuple[str, ...]:
    return (plan.teacher, plan.student, plan.method, plan.precision)


def gguf_in_full(evidence: MatchEvidence) -> CpuPrecision:
    """The precision of the one GGUF in full that a model is exported to.

    That of the choice if llama.cpp serves it so, of its alternative in full precision, or else of
    the best plan for the same model on a CPU: where it may move to after a missed load.
    """
    alternative = evidence.matching.plans.alternatives.get(FULL_PRECISION)
    own, *others = plans_in_order(evidence.matching)
    for plan in (own, alternative, *others):
        if plan is None or plan.engine is None or model_of(plan) != model_of(own):
            continue
        if plan.engine.name == "llama_cpp" and plan.engine.precision in ("float32", "float16"):
            return plan.engine.precision
    return "float16"


def training_servers(plans: tuple[Plan, ...], chosen: Plan) -> list[Server]:
    """Servers to train a plan's student on, best first: where a capacity error moves to.

    First those on which plans train in the same way: they are known to hold the training state, on
    the devices that their plans count.
    """
    others = [plan for plan in plans if plan.student == chosen.student]
    way = (chosen.method, chosen.precision)
    others.sort(key=lambda plan: (plan.method, plan.precision) != way)
    servers: dict[tuple[str, int, str, str], Server] = {}
    for plan in others:
        one = plan.training
        servers.setdefault((one.instance_type, one.count, one.region, one.purchase), one)
    return list(servers.values())
