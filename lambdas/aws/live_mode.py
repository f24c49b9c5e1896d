"""The mode of what is in service for a spec: at the spec's own endpoint, or at those of a run."""

from __future__ import annotations

from lambdas.aws import runs_table
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import mode_in_service
from lambdas.aws.settings import settings
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import BatchDeployment
from stratos.spec import ModeName, Spec


def live_mode(run: RunRef, spec: Spec) -> ModeName | None:
    """The mode that binds a run of the spec; None where nothing does.

    The spec's own endpoint does, which is changed in place. Endpoints in several regions do not:
    others are made beside them, and they go when those answer. But batches make none, and would
    leave them in service and billed. They are named after their run, so that its row tells of them.
    """
    at_home = mode_in_service(settings().names.endpoint(spec.name))
    if at_home is not None or spec.hosting.has_endpoint:
        return at_home
    for row in runs_table.runs_of_spec(run.spec_key):
        if row.run_id == run.run_id or row.endpoint_name is None or not row.serving_regions:
            continue
        deployment = RunFiles(row.ref).find_deployment()
        if deployment is not None and not isinstance(deployment, BatchDeployment):
            return deployment.hosting.mode
    return None
