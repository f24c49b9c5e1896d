"""Non-dominated sets, and the choice among them. Objectives are minimised, one row a point."""

from __future__ import annotations

import numpy as np

from stratos.planning.arrays import Floats, Integers


def non_dominated(points: Floats) -> Integers:
    """Rows that no other row dominates, in order; of equal rows, the first.

    A dimension sweep in C (`moocore`, which pymoo sorts with too): O(n log n) up to 3 objectives.
    """
    if len(points) <= 1:
        return np.arange(len(points))
    from moocore import is_nondominated

    return np.flatnonzero(is_nondominated(np.ascontiguousarray(points, dtype=np.float64)))


def normalised(points: Floats, least_span: Floats) -> Floats:
    """Scale to 0 at the utopia point and 1 at the nadir of these rows.

    An objective whose values lie within `least_span` is not stretched to the full scale: they
    differ by less than a forecast can tell.
    """
    utopia = points.min(axis=0)
    span = np.maximum(points.max(axis=0) - utopia, least_span)
    return np.asarray((points - utopia) / span, dtype=np.float64)


def scores(scaled: Floats, weights: Floats) -> Floats:
    """Deployment score of each row: 1 minus the weighted mean of its normalised objectives."""
    return np.asarray(1.0 - scaled @ weights / weights.sum(), dtype=np.float64)


def compromise(scaled: Floats) -> int:
    """The knee: least worst normalised objective (achievement scalarizing, pymoo's ASF)."""
    from pymoo.decomposition.asf import ASF

    objectives = scaled.shape[1]
    achieved = ASF().do(scaled, np.ones(objectives), utopian_point=np.zeros(objectives))
    # The small sum makes the optimum properly efficient where maxima tie.
    return int(np.argmin(np.asarray(achieved).ravel() + 1e-6 * scaled.sum(axis=1)))


def hypervolume(points: Floats, reference: Floats) -> float:
    """Volume dominated by the rows up to a reference point (pymoo's indicator)."""
    from pymoo.indicators.hv import HV

    inside = points[(points < reference).all(axis=1)]
    return float(HV(ref_point=reference)(inside)) if len(inside) else 0.0
