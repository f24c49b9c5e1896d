"""The roles of a run that is over: they go with what runs under them."""

from __future__ import annotations

from lambdas.aws import run_roles
from lambdas.aws.bucket import Bucket
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import jobs_of
from lambdas.aws.settings import settings
from stratos.contracts.run import RunRef

_OVER = frozenset({"Completed", "Failed", "Stopped"})


def delete_unused(run: RunRef) -> list[str]:
    """Delete the roles of a run under which nothing can run any more, and return their names.

    A job that is being stopped still uploads what it has, and in a VPC SageMaker needs its role to
    take its interfaces away. Such roles, and those of models, are the sweeper's.
    """
    names, unused = settings().names, []
    if not _has_jobs(run):
        unused.append(names.job_role(run.run_id))
    if RunFiles(run).find_deployment() is None:
        unused.append(names.model_role(run.run_id))
    return [name for name in unused if run_roles.delete(name)]


def _has_jobs(run: RunRef) -> bool:
    elsewhere = ElsewhereFiles(Bucket(run.bucket), run.run_id).jobs()
    here = (job["TrainingJobStatus"] in _OVER for job in jobs_of(run.run_id))
    return not (all(here) and all(job.over for job in elsewhere))
