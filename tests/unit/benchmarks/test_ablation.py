"""How the ablation reads its runs."""

from __future__ import annotations

import pytest

from benchmarks import ablation
from benchmarks.ablation_arms import records_path


def runs_of(arm: str, *seeds: str) -> list[ablation.Run]:
    """One run a seed; each letter is a hand, `+` one that was right."""
    return [
        {"arm": arm, "seed": seed, "right": [hand == "+" for hand in hands]}
        for seed, hands in enumerate(seeds)
    ]


RUNS = runs_of("injection", "+++-", "++-+", "++++") + runs_of(
    "answers_only", "+--+", "+--+", "++--"
)


def test_arms_are_paired_by_seed_and_hand():
    found = ablation.pair_arms(RUNS, "injection", "answers_only")
    assert found["gap"] == pytest.approx((3 + 3 + 4 - 2 - 2 - 2) / 12)
    assert [row["only injection right"] for row in found["by_seed"]] == [2, 1, 2]
    assert [row["only answers_only right"] for row in found["by_seed"]] == [1, 0, 0]
    assert found["by_seed"][2]["mcnemar_p"] == pytest.approx(0.5)


def test_the_paired_test_over_seeds_has_an_interval_around_the_gap():
    found = ablation.pair_arms(RUNS, "injection", "answers_only")
    low, high = found["gap_95"]
    assert low < found["gap"] < high
    # Gaps of 1/4, 1/4 and 1/2: mean 1/3, standard error 1/12, t = 4 with two degrees of freedom.
    assert found["t_p"] == pytest.approx(0.0572, abs=1e-4)
    assert high - found["gap"] == pytest.approx(4.3027 / 12, abs=1e-4)


def test_one_seed_has_a_gap_but_no_test():
    one = [run for run in RUNS if run["seed"] == 0]
    found = ablation.pair_arms(one, "injection", "answers_only")
    assert found["gap"] == pytest.approx(0.25)
    assert "gap_95" not in found


def test_hands_are_counted_by_the_number_of_their_waits():
    row = ablation.row_of([True, False, True, True], [1, 2, 2, 4])
    assert (row["successes"], row["n"]) == (3, 4)
    assert row["by_waits"] == {"1": "1/1", "2": "1/2", "4": "1/1"}


def test_answers_only_learns_the_hands_of_injection():
    for arm in ("answers_only", "answers_as_often"):
        assert records_path(arm) == records_path("injection")
        assert not ablation.is_injection_again(arm)
    assert len({records_path(arm) for arm in ("injection", "alignment", "blend")}) == 3
