"""What a run may spend whose spec names no `max_budget_usd`."""

from __future__ import annotations

from stratos.spec.document import Spec

DEFAULT_BUDGET_USD = 100.0
"""Where no stack is asked; a stack has its own, `stratos:default_max_budget_usd`."""
MARK = "budget_by_default"
"""The field of `Constraints` that says so; nobody writes it into a spec."""
CHOSEN = ", chosen by default"
"""Behind the amount, wherever a person reads it."""


def with_default_budget(spec: Spec, usd: float) -> Spec:
    """The spec with a budget: its own, or else the default.

    Args:
        usd: The default; 0 is none.
    """
    if spec.constraints.max_budget_usd is not None or usd == 0:
        return spec
    limited = spec.constraints.model_copy(update={"max_budget_usd": usd, MARK: True})
    return spec.model_copy(update={"constraints": limited})


def as_written(spec: Spec) -> Spec:
    """The spec as its author wrote it, whatever the stack added."""
    if not spec.constraints.budget_by_default:
        return spec
    unlimited = spec.constraints.model_copy(update={"max_budget_usd": None, MARK: False})
    return spec.model_copy(update={"constraints": unlimited})


def is_default(spec: Spec, constraint: str) -> bool:
    """Whether a constraint is one that nobody asked for."""
    return constraint == "max_budget_usd" and spec.constraints.budget_by_default
