"""How many runs work at once, and what one may spend whose spec does not say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunLimits:
    """Limits of the stack; its functions keep to them.

    Raises:
        ValueError: No run would ever work.
    """

    concurrent_runs: int
    concurrent_runs_per_spec: int
    default_budget_usd: int
    """Of a run whose spec names no `max_budget_usd`; 0 is none."""

    def __post_init__(self) -> None:
        for name, number in (
            ("max_concurrent_runs", self.concurrent_runs),
            ("max_concurrent_runs_per_spec", self.concurrent_runs_per_spec),
        ):
            if number < 1:
                raise ValueError(f"stratos:{name} is {number}; give at least 1")

    @property
    def environment(self) -> dict[str, str]:
        """Of every function."""
        return {
            "MAX_CONCURRENT_RUNS": str(self.concurrent_runs),
            "MAX_CONCURRENT_RUNS_PER_SPEC": str(self.concurrent_runs_per_spec),
            "DEFAULT_MAX_BUDGET_USD": str(self.default_budget_usd),
        }
