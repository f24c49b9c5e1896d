"""What `stratos plan --json` prints and `--out` writes. Its JSON Schema is published in docs/."""

from __future__ import annotations

from typing import Literal

from stratos.contracts.plan import Plan, PlanSet
from stratos.contracts.saved_plan import PlanBasis, SavedPlan
from stratos.errors import NoFeasiblePlan
from stratos.frozen import FrozenModel

FORMAT_VERSION: Literal[1] = 1
"""Rises when a field changes its meaning or goes. New fields may come without it."""
Lever = Literal["constraints", "load", "hosting", "students", "teachers", "regions"]


class Advice(FrozenModel):
    """A change with which a plan holds every constraint: it was planned with it."""

    moves: Lever
    options: tuple[str, ...]
    """Of `stratos plan`, one a word: `--what-if`, `constraints.max_p95_latency_ms=3500`."""
    command: str
    """To paste into a shell."""
    plan: Plan
    """What is then chosen."""


class PlanDocument(FrozenModel):
    """One call of `stratos plan`."""

    format_version: Literal[1] = FORMAT_VERSION
    name: str
    """Of the spec."""
    basis: PlanBasis
    what_if: tuple[str, ...] = ()
    """Changes to the spec that `plans` are made with; only then there is `as_it_stands`."""
    infeasible: str = ""
    """Why no plan holds every constraint; empty where one does."""
    plans: PlanSet | None
    """The choice and what it was chosen from. If infeasible the nearest plans, and null where there
    is no candidate at all."""
    as_it_stands: PlanSet | None = None
    """The same without the changes."""
    advice: tuple[Advice, ...] = ()
    """If infeasible: changes that were each tried and found to do."""
    notes: tuple[str, ...] = ()

    def saved(self) -> SavedPlan:
        """What `submit --plan` hands to the run.

        Raises:
            NoFeasiblePlan: There is nothing in it that a run could take.
        """
        if self.infeasible or self.plans is None:
            raise NoFeasiblePlan(
                f"it does not hold every constraint ({self.infeasible}), so no run takes it: "
                "change the spec as `stratos plan` advises, and plan again"
            )
        return SavedPlan(basis=self.basis, plans=(self.plans.chosen, *self.plans.fallbacks))
