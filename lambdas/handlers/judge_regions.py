"""JudgeRegions: every endpoint of a fleet held to its gates, before any of them is in service."""

from __future__ import annotations

from lambdas.serving.regional_judgement import judge_regions
from lambdas.step import step
from stratos.pipeline.region_endpoints import JudgeRegionsInput
from stratos.pipeline.steps import Measured


@step
def handler(payload: JudgeRegionsInput) -> Measured:
    """Pass all endpoints or none; after a miss, name the next servers or the next student.

    Raises:
        GateError: it would replace a model in service, and the run has missed its own limits.
    """
    return judge_regions(payload.run)
