"""Which layers are kept."""

import pytest

from stratos.catalog.layers import kept_layers


def test_kept_layers_are_evenly_spaced_from_the_first_to_the_last() -> None:
    assert kept_layers(24, 12) == [0, 2, 4, 6, 8, 10, 13, 15, 17, 19, 21, 23]
    assert kept_layers(5, 3) == [0, 2, 4]
    assert kept_layers(9, 2) == [0, 8]


@pytest.mark.parametrize("kept", [1, 5, 7])
def test_more_layers_than_there_are_cannot_be_kept(kept: int) -> None:
    with pytest.raises(ValueError, match="the model has 5 layers"):
        kept_layers(5, kept)
