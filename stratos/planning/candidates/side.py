"""One side of a pairing's candidates: its training servers, or its fleets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stratos.planning.arrays import Floats, Integers
from stratos.planning.front import non_dominated


@dataclass
class Side:
    """Rows of a table of servers, evaluated for one pairing.

    Attributes:
        rows: Positions in the table.
        values: [row, quantity], all to be minimised.
        facts: [row, quantity], reported but not compared.
    """

    rows: Integers
    values: Floats
    facts: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, positions: Integers) -> Side:
        return Side(self.rows[positions], self.values[positions], self.facts[positions])

    def front(self) -> Side:
        """Only the rows that no other row dominates."""
        return self.at(non_dominated(self.values))


def end_to_end(sides: Sequence[Side]) -> Side:
    """The rows of several pairings' sides, one pairing after another."""
    return Side(
        np.concatenate([side.rows for side in sides]),
        np.concatenate([side.values for side in sides]),
        np.concatenate([side.facts for side in sides]),
    )
