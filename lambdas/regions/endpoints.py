"""An endpoint of another region's run, in the region that serves it: made, looked at, given up."""

from __future__ import annotations

import time

from lambdas.aws import sagemaker, scaling
from lambdas.aws.staged_files import StagedFiles
from lambdas.regions import answers
from lambdas.regions.answers import Pulse
from lambdas.regions.copier import Copier
from lambdas.regions.inputs import PATIENCE_SECONDS
from lambdas.regions.ledger import CopyLedger
from lambdas.regions.places import Move, Place
from lambdas.regions.records_at_home import keep_transfers
from stratos.contracts.bucket import RunKeys, split_uri
from stratos.contracts.run import RunRef
from stratos.errors import HomeUnreachable
from stratos.pipeline.region_endpoints import RegionEndpoint, WorkerEndpoint
from stratos.pipeline.steps import JobFailure
from stratos.waiting import within

_GIVE_UP_SECONDS = 180
"""For an endpoint to settle; the next call goes on."""


def fetch_model(worker: WorkerEndpoint) -> RegionEndpoint:
    """Copy the model and the questions it is asked, and return the endpoint as it is here.

    Raises:
        CopyUnfinished: some of it is missing; the next call goes on.
        NoLongerAwaited: home has stopped waiting.
        HomeUnreachable: home does not answer.
    """
    home, own = Place.of_home(worker.home), Place.own()
    deployment = worker.staged.deployment
    copier = Copier(
        target=own,
        ledger=CopyLedger(own.files, own.region),
        owner=deployment.endpoint_name,
        deadline=within(PATIENCE_SECONDS, time.monotonic),
        pulse=Pulse(worker.home),
    )
    keys, model_uri = RunKeys(worker.run.run_id), deployment.container["ModelDataUrl"]
    bucket, model_key = split_uri(model_uri)
    try:
        copier.copy(Place(home.region, bucket, home.kms_key_arn), model_key)
        copier.copy_all(home, (keys.spec, f"{keys.dataset}heldout.jsonl"))
    finally:
        keep_transfers(worker.run, worker.home, deployment.endpoint_name, copier.transfers)
    container = deployment.container | {"ModelDataUrl": Move(home, own).uri(model_uri)}
    moved = deployment.model_copy(update={"container": container})
    return worker.staged.model_copy(update={"deployment": moved})


def here(run: RunRef) -> RunRef:
    """The run as this region knows it: by the copies that lie in its bucket."""
    return run.model_copy(update={"bucket": Place.own().bucket})


def give_up(worker: WorkerEndpoint, failure: JobFailure) -> bool:
    """Tell home, and delete what was made; returns whether anybody waited to hear it.

    Where the region may have answered that it is ready, what is there stays until home or the end
    of its lease says otherwise: clients may have been told of it.

    Raises:
        EndpointUnsettled: SageMaker is still making the endpoint; call again.
    """
    name = worker.staged.deployment.endpoint_name
    try:
        told = answers.refuse(worker.home, failure)
    except HomeUnreachable:
        told = False
    measured = StagedFiles.of(here(worker.run)).find_load(name, worker.staged.region) is not None
    if told or not measured:
        delete(name, worker.staged.deployment.model_names)
    return told


def delete(name: str, model_names: tuple[str, ...]) -> None:
    """Delete an endpoint of this region with all it is made of.

    Raises:
        EndpointUnsettled: SageMaker is still changing it; call again.
    """
    scaling.remove(name)
    if sagemaker.settled_endpoint(name, within(_GIVE_UP_SECONDS)) is not None:
        sagemaker.delete_endpoint(name)
    sagemaker.delete_endpoint_config(name)
    for model_name in model_names:
        sagemaker.delete_model(model_name)
