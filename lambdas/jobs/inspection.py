"""The job that splits a dataset in place of InspectDataset, which has 15 minutes."""

from __future__ import annotations

from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFolder
from lambdas.gathering.input_files import content_hash, stored_dataset
from lambdas.jobs.cpu_servers import cheapest_cpus
from lambdas.jobs.factory import JobFactory
from lambdas.jobs.retries import MAX_CRASHES
from lambdas.jobs.spending import hours_of
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.jobs import InspectConfig
from stratos.dataset.allowance import BYTES_PER_SECOND
from stratos.errors import DatasetRejected, NoFeasiblePlan
from stratos.pipeline.steps import TrainingJob
from stratos.planning.deadlines import deadline_seconds
from stratos.planning.forecast.start_up import job_start

STEP = "inspect"
_PLAIN_ROOM, _PACKED_ROOM = 5, 20
"""Bytes of disk for each byte of a file: itself, its records, which may repeat a conversation for
each of its turns, and what is known of each. An hour of a gigabyte costs less than 0.02 cents."""


def inspection_job(factory: JobFactory, catalog: ServerCatalog) -> TrainingJob:
    """The job, on the cheapest CPU: one core reads, and memory does not grow with the dataset.

    Raises:
        DatasetRejected: when the spec has not the time or the money for so large a dataset.
        NoFeasiblePlan: when no server has a price here.
    """
    run, spec, files = factory.run, factory.spec, factory.files
    folder, region = SpecFolder(run), settings().aws_region
    servers = cheapest_cpus(catalog, region)
    if not servers:
        raise NoFeasiblePlan(
            f"no server without accelerators has a price for training in {region}, and the dataset "
            "is too large for a function: put one into catalog/servers.json"
        )
    dataset = stored_dataset(folder, spec)
    start = max(job_start(server.instance_type).seconds for server in servers)
    seconds = deadline_seconds("inspect", spec.constraints, hours_of(run), start)
    if spec.constraints.max_budget_usd is not None:
        dearest = max(server.usd_per_hour for server in servers)
        hours = spec.constraints.max_budget_usd / dearest
        seconds = min(seconds, hours * 3600 / (1 + MAX_CRASHES))  # a crash begins anew
    needed = dataset.num_bytes / BYTES_PER_SECOND
    if needed > seconds:
        raise DatasetRejected(
            f"the dataset is too large to inspect: to split {dataset.num_bytes / 1e9:.2f} GB takes "
            f"about {needed / 60:.0f} minutes, and the spec leaves {seconds / 60:.0f} for it. "
            "Raise max_training_hours, of which half may go into splitting, or max_budget_usd; or "
            "upload fewer records (the strategy needs thousands, rarely millions)"
        )
    config = InspectConfig(
        run_id=run.run_id,
        result_uri=files.result_uri(STEP),
        progress_uri=files.progress_uri(STEP),
        deadline_seconds=seconds,
        usd_per_hour=servers[0].usd_per_hour,
        spec=spec,
        spec_uri=folder.uri(""),
        dataset_root=dataset.root,
        splits_uri=files.dataset_uri(),
        content_hash=content_hash(folder, spec),
    )
    room = _PLAIN_ROOM * dataset.plain_bytes + _PACKED_ROOM * dataset.packed_bytes
    channels = {"dataset": folder.uri(dataset.prefix)}
    return factory.make(STEP, config, servers, channels, data_bytes=room + dataset.other_bytes)
