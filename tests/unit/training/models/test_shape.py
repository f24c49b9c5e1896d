"""The sizes of a model."""

import pytest

from stratos.catalog.models import card_from_config
from stratos.planning.forecast.transformer import transformer
from tests.unit.training.tiny_models import make_model
from training.models.shape import shape_of


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
def test_a_job_reads_the_sizes_that_the_planner_forecasts_with(family):
    model = make_model(60, family=family)
    shape = shape_of("tiny", model.config, sum(p.numel() for p in model.parameters()))
    planned = transformer(card_from_config("tiny", model.config.to_dict()))
    for size in ("parameters", "layers", "hidden_size", "heads", "kv_heads", "head_dim", "inner"):
        assert getattr(shape, size) == getattr(planned, size), size
