"""A part of the matrix that is to be run."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from tests.matrix.faults import Fault
from tests.matrix.means import Means
from tests.matrix.scenario import Scenario


@dataclass(frozen=True)
class Part:
    """One way in which a fault is to strike states of a scenario."""

    scenario: Scenario
    fault: Fault
    means: Mapping[str, Means]
    """State → how it is struck."""

    def without(self, seen: Container[tuple[str, str, str]]) -> Part:
        """Less what was seen: state, fault and means in words."""
        left = {
            s: one for s, one in self.means.items() if (s, str(self.fault), one.told) not in seen
        }
        return replace(self, means=left)
