"""ParseConstraints: the spec as uploaded, read and checked against the files beside it."""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.aws import runs_table
from lambdas.aws.bucket import Bucket
from lambdas.step import step
from stratos.contracts.bucket import REJECTION_FILE, SPEC_PREFIX, RunKeys, spec_folder
from stratos.contracts.run import RunRef
from stratos.errors import Problem, Rejection, SpecRejected
from stratos.pipeline.steps import Parsed, ParseInput
from stratos.spec.folder import ListFiles, read_spec_in_folder
from stratos.spec.yaml_tree import MAX_BYTES


@step
def handler(payload: ParseInput) -> Parsed:
    """Write the spec with its defaults as JSON, or every problem of it as `rejection.json`."""
    run, bucket = payload.run, Bucket(payload.run.bucket)
    folder = spec_folder(run.spec_key)
    try:
        named = folder.removeprefix(SPEC_PREFIX).rstrip("/")
        spec = read_spec_in_folder(_uploaded(bucket, run), _files_under(bucket, folder), named)
    except SpecRejected as error:
        rejection = Rejection(
            spec_key=run.spec_key, spec_version_id=run.spec_version_id, problems=error.problems
        )
        bucket.put_model(folder + REJECTION_FILE, rejection)
        raise
    uri = bucket.put_model(RunKeys(run.run_id).spec, spec)
    runs_table.update(run.run_id, spec_name=spec.name)
    return Parsed(
        spec_uri=uri,
        name=spec.name,
        schedule=spec.schedule,
        schedule_timezone=spec.schedule_timezone,
        keep_endpoint=spec.hosting.keep,
        approval_timeout_seconds=spec.approval_timeout_seconds,
    )


def _uploaded(bucket: Bucket, run: RunRef) -> bytes:
    version = None if run.spec_version_id == "null" else run.spec_version_id
    try:
        return bucket.read(run.spec_key, version_id=version, max_bytes=MAX_BYTES + 1)
    except FileNotFoundError as error:
        problem = f"{error} any more; upload it again"
        raise SpecRejected([Problem(path="", line=None, message=problem)]) from error


def _files_under(bucket: Bucket, folder: str) -> ListFiles:
    def list_files(prefix: str) -> Iterator[str]:
        return (item.key.removeprefix(folder) for item in bucket.list(folder + prefix))

    return list_files
