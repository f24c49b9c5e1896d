"""Two processes on one CPU train as one does: torchrun's variables, Gloo, FSDP2."""

from dataclasses import replace

from tests.unit.training.processes import together
from training.container.world import World


def test_a_share_is_filled_up_so_that_all_have_equally_many():
    shares = [World(rank, 3).share([*range(7)]) for rank in range(3)]
    assert shares == [[0, 3, 6], [1, 4, None], [2, 5, None]]
    assert World().share([1, 2]) == [1, 2]
    assert replace(World(), size=2).share([]) == []


def extremes(world):
    return world.highest(world.rank - 1), world.lowest(world.rank - 1)


def test_the_highest_and_the_lowest_are_those_of_all_processes():
    assert together(2, extremes) == (0, -1)
    assert extremes(World()) == (-1, -1)
