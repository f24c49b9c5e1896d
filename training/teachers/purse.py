"""What the calls of several threads have cost and may still cost, beside what may be spent."""

from __future__ import annotations

import threading

from training.teachers.teacher import Charge, Completion, ModelUsage

_ROUNDING_USD = 1e-12


class Purse:
    """A budget. What calls under way can cost is set aside, so that all together keep to it."""

    def __init__(self, budget_usd: float | None) -> None:
        self.budget_usd = budget_usd
        self.usage = ModelUsage()
        self._set_aside: dict[int, float] = {}
        self._counting = threading.Lock()

    def set_aside(self, call: int, usd: float) -> bool:
        """Keep what a call can cost; False, and nothing is kept, where it is not there."""
        with self._counting:
            if not self._holds(usd):
                return False
            self._set_aside[call] = usd
            return True

    def release(self, call: int) -> None:
        """Free what was set aside for a call that has ended."""
        with self._counting:
            del self._set_aside[call]

    def add(self, completion: Completion) -> None:
        """Count an answer."""
        with self._counting:
            self.usage.add(completion)

    def charge(self, billed: Charge) -> bool:
        """Count what an attempt cost that brought no answer; whether another can be paid for."""
        with self._counting:
            self.usage.bill(billed)
            return self._holds(0.0)

    def _holds(self, usd: float) -> bool:
        if self.budget_usd is None:
            return True
        spoken_for = self.usage.usd + sum(self._set_aside.values())
        return spoken_for + usd <= self.budget_usd + _ROUNDING_USD
