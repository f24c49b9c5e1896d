"""ParseConstraints: the uploaded spec, read and checked against the files beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from lambdas.aws import runs_table
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFolder
from lambdas.gathering.input_files import content_hash
from lambdas.gathering.secret_hosts import require_secrets
from lambdas.step import step
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.spec_models import require_models
from stratos.contracts.bucket import PLAN_FILE
from stratos.contracts.saved_plan import SavedPlan, obstacles
from stratos.errors import SpecRejected
from stratos.pipeline.steps import Parsed, ParseInput
from stratos.problems import Problem, Rejection
from stratos.spec.default_budget import with_default_budget
from stratos.spec.folder import ListFiles, RunningStack, read_spec_in_folder
from stratos.spec.yaml_tree import MAX_BYTES


@step
def handler(payload: ParseInput) -> Parsed:
    """Write the spec with its defaults as JSON, or all of its problems as `rejection.json`."""
    run, folder = payload.run, SpecFolder(payload.run)
    try:
        stack = RunningStack(
            settings().names.prefix,
            settings().aws_region,
            settings().regions[1:],
            settings().allowed_private_hosts,
            settings().account,
        )
        content = _uploaded(folder)
        spec = read_spec_in_folder(content, _files_in(folder), folder.name, stack)
        require_models(spec, ModelFiles(folder))
        require_secrets(spec)
        plan = None if run.rerun else _saved_plan(folder, content, stack)
    except SpecRejected as error:
        rejection = Rejection(
            spec_key=run.spec_key, spec_version_id=run.spec_version_id, problems=error.problems
        )
        folder.put_rejection(rejection)
        raise
    uri = RunFiles(run).put_spec(with_default_budget(spec, settings().default_max_budget_usd))
    if plan is not None:
        RunFiles(run).put_saved_plan(plan)
    # What InspectDataset compares with, if the run has to wait for its place.
    inputs = content_hash(folder, spec)
    runs_table.update(run.run_id, spec_name=spec.name, content_hash=inputs)
    return Parsed(
        spec_uri=uri,
        name=spec.name,
        schedule=spec.schedule,
        schedule_timezone=spec.schedule_timezone,
        keep_endpoint=spec.hosting.keep,
        approval_timeout_seconds=spec.approval_timeout_seconds,
    )


def _uploaded(folder: SpecFolder) -> bytes:
    try:
        return folder.read_spec(MAX_BYTES + 1)
    except FileNotFoundError as error:
        problem = f"{error} any more; upload it again"
        raise SpecRejected([Problem(path="", line=None, message=problem)]) from error


def _saved_plan(folder: SpecFolder, spec: bytes, stack: RunningStack) -> SavedPlan | None:
    """The plan that the spec was submitted with, if this stack can run it.

    A scheduled rerun comes with other data, and is planned afresh.
    """
    try:
        plan = folder.find_plan()
    except ValueError as error:
        raise SpecRejected([Problem(path=PLAN_FILE, line=None, message=str(error))]) from error
    if plan is None:
        return None
    spec_sha256 = hashlib.sha256(spec).hexdigest()
    found = list(obstacles(plan, spec_sha256, stack.region, stack.worker_regions))
    if found:
        raise SpecRejected([Problem(path=PLAN_FILE, line=None, message=why) for why in found])
    return plan


def _files_in(folder: SpecFolder) -> ListFiles:
    def list_files(prefix: str) -> Iterator[str]:
        return (item.path for item in folder.list(prefix))

    return list_files
