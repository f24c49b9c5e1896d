"""Endpoints that scale to zero."""

from __future__ import annotations

import pytest

from stratos.errors import DeploymentFailed
from stratos.hosting.modes.table import mode_of
from tests.unit.stratos.hosting.deployments import LIVE, RARE, TO_ZERO, hosted


def test_an_endpoint_that_scales_to_zero_is_made_without_a_model():
    patient = {"max_cold_start_seconds": 900}
    built = hosted(
        instance_type="ml.g5.xlarge", planned="scale_to_zero", load=RARE, hosting=patient
    )
    assert built.hosting.mode == "scale_to_zero"
    assert built.hosting.usd_per_month == pytest.approx(0.2 * 730 * 2.5 / 24)
    assert "refuses requests for about 449 s, which is assumed" in built.hosting.reason
    variant = built.production_variant
    assert "ModelName" not in variant
    assert variant["ManagedInstanceScaling"] == {
        "Status": "ENABLED",
        "MinInstanceCount": 0,
        "MaxInstanceCount": 2,  # one for the copy that takes over
    }


def test_an_endpoint_of_components_is_told_from_its_description():
    assert mode_of(TO_ZERO).name == "scale_to_zero"
    kept = hosted(live=TO_ZERO, component=LIVE)
    assert kept.hosting.mode == "scale_to_zero"
    assert kept.component is not None
    assert kept.component.previous == LIVE
    with pytest.raises(DeploymentFailed, match="keeps its kind"):
        hosted(live={}, hosting={"mode": "scale_to_zero"})
