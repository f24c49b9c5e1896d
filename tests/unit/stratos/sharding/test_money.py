"""All shards together never spend more than the budget of their step."""

from __future__ import annotations

import random

import pytest

from stratos.sharding.money import handed_out_again


def test_what_some_leave_goes_to_those_that_had_too_little() -> None:
    spent = {"s0": 1.0, "s1": 0.4, "s2": 1.0}
    assert handed_out_again(3.0, spent, {"s0": 0.0, "s2": 0.0}) == pytest.approx(
        {"s0": 0.3, "s2": 0.3}
    )


def test_nothing_is_handed_out_where_nobody_lacks_or_nearly_nothing_is_left() -> None:
    assert handed_out_again(3.0, {"s0": 1.0, "s1": 0.4}, {}) == {}
    assert handed_out_again(2.0, {"s0": 1.0, "s1": 0.99}, {"s0": 0.0}) == {}
    assert handed_out_again(1.0, {"s0": 0.7, "s1": 0.5}, {"s0": 0.0}) == {}


def test_where_no_share_sufficed_for_one_call_fewer_shards_get_more() -> None:
    spent = dict.fromkeys(("s0", "s1", "s2", "s3"), 0.0)
    assert handed_out_again(4.0, spent, dict.fromkeys(spent, 1.0)) == {"s0": 2.0, "s1": 2.0}
    assert handed_out_again(4.0, spent, {"s3": 2.0}) == {"s3": 4.0}
    assert handed_out_again(4.0, spent, {"s3": 4.0}) == {}


def test_no_more_is_handed_out_than_the_run_can_pay() -> None:
    spent = {"s0": 1.0, "s1": 0.0}
    assert handed_out_again(3.0, spent, {"s0": 0.0}, most_usd=0.5) == {"s0": 0.5}
    assert handed_out_again(3.0, spent, {"s0": 0.0}, most_usd=-0.5) == {}


@pytest.mark.parametrize("seed", range(200))
def test_no_sequence_of_rounds_spends_more_than_the_budget(seed: int) -> None:
    draw = random.Random(seed)
    budget, count = draw.uniform(0.01, 100), draw.randint(2, 16)
    wanted = {f"s{index}": draw.uniform(0, 3 * budget / count) for index in range(count)}
    spent = dict.fromkeys(wanted, 0.0)
    given = dict.fromkeys(wanted, budget / count)
    rounds = 0
    while given:
        for step, usd in given.items():  # each job keeps to what it is given
            used = min(usd, wanted[step] - spent[step])
            spent[step] += used
        assert sum(spent.values()) <= budget * (1 + 1e-9)
        hungry = {step: 0.0 for step in wanted if wanted[step] - spent[step] > 1e-12}
        given = handed_out_again(budget, spent, hungry)
        rounds += 1
        assert rounds < 100
    everything = sum(wanted.values())
    # What is left is nobody's need, or too little to start a job for.
    assert sum(spent.values()) >= min(everything, budget) - 0.0201 * budget
