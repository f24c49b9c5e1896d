"""The sizes of a model."""

from __future__ import annotations

import pytest

from stratos.planning.forecast.transformer import transformer
from tests.unit.stratos.planning.planning_inputs import model, paid


def test_a_card_with_a_missing_size_is_named_with_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="card of half lacks head_dim"):
        transformer(model("half", head_dim=None))
    with pytest.raises(ValueError, match="num_parameters, num_layers"):
        transformer(paid())
