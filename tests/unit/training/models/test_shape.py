"""The sizes of a model."""

from dataclasses import replace

import pytest

from stratos.catalog.cards import folder_card
from stratos.catalog.files import FilesOnDisk
from stratos.planning.forecast.transformer import transformer
from tests.tiny_families import HYBRIDS, MIXTURES, STUDENTS, save_tiny
from training.models.shape import shape_of
from training.models.weights import load_model


@pytest.mark.parametrize("family", STUDENTS | MIXTURES | HYBRIDS)
def test_a_job_reads_the_sizes_that_the_planner_forecasts_with(family, tmp_path):
    local = load_model("tiny", str(save_tiny(family, tmp_path / "tiny")))
    planned = transformer(folder_card("tiny", FilesOnDisk(tmp_path), "tiny"))
    assert planned.parameters == local.num_parameters
    shape = shape_of("tiny", local.model.config, local.num_parameters)
    # What one token passes through is told by the tensors, which a job has no need of.
    assert replace(shape, active_parameters=planned.active_parameters) == planned
