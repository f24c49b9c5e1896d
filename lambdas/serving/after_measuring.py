"""What follows a measurement: promotion, another server, another student, or the end."""

from __future__ import annotations

from lambdas.aws import runs_table, sagemaker
from lambdas.aws.run_files import RunFiles
from lambdas.jobs.spending import outlay_of
from lambdas.serving.fallbacks import next_server_or_student
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurements
from stratos.contracts.run import RunRef
from stratos.errors import GateError
from stratos.hosting.deployment import Deployment, EndpointDeployment
from stratos.hosting.modes.table import told_measurement
from stratos.measuring.gates import judge_outlay
from stratos.pipeline.steps import Measured
from stratos.spec import Spec


def what_follows(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    measurements: Measurements,
    deployment: Deployment,
) -> Measured:
    """Say what follows the last measurement, and write down the next deployment, if there is one.

    Args:
        measurements: As written down already, with that of this deployment last.
    """
    last = measurements.last
    assert last is not None, "nothing was measured"
    if last.passed:
        if runs_table.another_in_charge(run) or deployment.replaces_former:
            _refuse_beyond_limits(run, spec)
        return Measured(
            passed=True,
            reason=last.reason,
            load=last.load,
            batch=last.batch,
            deployment=None,
            next_attempt=None,
        )
    following = next_server_or_student(run, spec, evidence, measurements.measured, deployment)
    to_follow = following.deployment and _past_a_failed_endpoint(following.deployment)
    if to_follow is not None:
        files = RunFiles(run)
        files.put_measurements(measurements.model_copy(update={"next_plan": following.plan}))
        files.put_deployment(to_follow)
    tried = "; ".join(told_measurement(item) for item in measurements.measured)
    return Measured(
        passed=False,
        reason=f"{tried}; {following.ending}",
        load=last.load,
        batch=last.batch,
        deployment=to_follow,
        next_attempt=following.attempt,
    )


def _past_a_failed_endpoint(deployment: Deployment) -> Deployment:
    """The next deployment; its endpoint is made anew where SageMaker would refuse an update."""
    if not isinstance(deployment, EndpointDeployment):
        return deployment
    endpoint = sagemaker.find_endpoint(deployment.endpoint_name)
    if endpoint is not None and endpoint.failed:
        sagemaker.delete_endpoint(endpoint.name)  # the state that creates it waits until it is gone
    elif endpoint is not None and endpoint.status != "Deleting":
        return deployment
    return deployment.model_copy(update={"replaces_live": False})


def spare_live_model(run: RunRef, spec: Spec) -> None:
    """Refuse to replace a model in service, if there is one, beyond the run's own limits.

    Raises:
        GateError: there is one, and the run has spent more than it may.
    """
    if runs_table.another_in_charge(run):
        _refuse_beyond_limits(run, spec)


def _refuse_beyond_limits(run: RunRef, spec: Spec) -> None:
    verdict = judge_outlay(outlay_of(run), spec.constraints)
    if not verdict.passed:
        raise GateError(
            f"{verdict.reason}. The model in service stays: it is replaced only by one that holds "
            "every constraint. Allow more, or delete the endpoint first"
        )
