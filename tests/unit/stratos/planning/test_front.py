"""Non-dominated sets, and the choice among them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from stratos.planning.front import compromise, hypervolume, non_dominated, normalised, scores
from tests.unit.stratos.planning.brute_force import front

points = st.lists(st.tuples(*[st.integers(0, 6).map(float)] * 4), min_size=1, max_size=40).map(
    np.array
)


@given(found=points)
def test_non_dominated_rows_are_those_by_definition(found: np.ndarray) -> None:
    kept = {tuple(row) for row in found[non_dominated(found)].tolist()}
    assert kept == front([tuple(row) for row in found.tolist()])
    assert len(non_dominated(found)) == len(kept)


@given(found=points)
def test_the_front_is_rank_zero_of_pymoos_sorting(found: np.ndarray) -> None:
    _, rank = NonDominatedSorting().do(found, return_rank=True)
    best = {tuple(row) for row in found[np.asarray(rank) == 0].tolist()}
    assert best == {tuple(row) for row in found[non_dominated(found)].tolist()}


@given(found=points)
def test_scores_and_the_compromise_stay_within_the_front(found: np.ndarray) -> None:
    kept = found[non_dominated(found)]
    scaled = normalised(kept, np.full(4, 1e-3))
    achieved = scores(scaled, np.array([1.0, 2.0, 1.0, 0.5]))
    assert achieved.min() >= -1e-12
    assert achieved.max() <= 1 + 1e-12
    worst = scaled.max(axis=1)
    assert worst[compromise(scaled)] == pytest.approx(worst.min())


def test_a_range_too_narrow_to_tell_apart_does_not_count_in_full() -> None:
    pair = np.array([[0.0, 1.0], [0.01, 0.0]])
    scaled = normalised(pair, np.array([0.1, 0.1]))
    assert scaled.tolist() == [[0.0, 1.0], [pytest.approx(0.1), 0.0]]


def test_hypervolume_of_two_steps_is_their_union() -> None:
    steps = np.array([[1.0, 2.0], [2.0, 1.0], [9.0, 9.0]])
    assert hypervolume(steps, np.array([3.0, 3.0])) == pytest.approx(3.0)
    assert hypervolume(steps[2:], np.array([3.0, 3.0])) == 0.0
