"""PrepareInspection: the job that splits a dataset which InspectDataset could not."""

from __future__ import annotations

from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.run_files import RunFiles
from lambdas.jobs.factory import JobFactory
from lambdas.jobs.inspection import inspection_job
from lambdas.step import step
from stratos.pipeline.steps import InspectInput, TrainingJob


@step
def handler(payload: InspectInput) -> TrainingJob:
    """Prepare the job; InspectDataset takes its result."""
    run = payload.run
    factory = JobFactory(run, RunFiles(run).spec(), payload.roles)
    return inspection_job(factory, CatalogFiles(run).servers())
