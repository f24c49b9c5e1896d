"""Upload a folder: everything that a spec names, and last the spec, which starts the run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from stratos.catalog.files import FilesOnDisk
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.servers import ServerCatalog
from stratos.catalog.spec_models import require_models
from stratos.cli.options import Json
from stratos.cli.runs import read_object, read_queue
from stratos.cli.screen import make_console, print_json
from stratos.cli.stack import Stack
from stratos.cli.watch import watch_run
from stratos.contracts.bucket import (
    PLAN_FILE,
    PLAN_METADATA,
    SERVERS_KEY,
    SPEC_FILE,
    SPEC_PREFIX,
    TELLING_CHECKSUM,
    run_id_of,
    s3_uri,
)
from stratos.contracts.plan_document import PlanDocument
from stratos.contracts.saved_plan import SavedPlan, obstacles
from stratos.errors import SpecRejected
from stratos.problems import Problem
from stratos.spec import Spec
from stratos.spec.folder import (
    RunningStack,
    belongs_to_model,
    files_under,
    read_spec_in_folder,
)


@dataclass(frozen=True)
class Submission:
    """What was uploaded, and the run that it starts."""

    run_id: str
    queued: str | None
    """Where it will wait in the queue and what for; None if it may begin at once."""
    spec_uri: str
    num_files: int
    num_bytes: int


def read_folder(folder: Path, running: RunningStack | None = None) -> tuple[Spec, list[Path]]:
    """Read the spec of a folder and list the files it names, relative to the folder.

    Args:
        running: The stack that is to run it, where one is known.

    Raises:
        SpecRejected: with every problem, exactly as the pipeline would find them.
    """
    path = folder / SPEC_FILE
    if not path.is_file():
        message = f"{folder} holds no {SPEC_FILE}; give the folder that holds it and the dataset"
        raise SpecRejected([Problem(path="", line=None, message=message)])
    list_files = files_under(folder)
    spec = read_spec_in_folder(path.read_bytes(), list_files, stack=running)
    require_models(spec, ModelFiles(FilesOnDisk(folder)))
    named = [
        *(Path(name) for prefix in _named_paths(spec) for name in list_files(prefix)),
        *(
            Path(name)
            for path in _model_paths(spec)
            for name in list_files(path)
            if belongs_to_model(name, path)
        ),
    ]
    return spec, sorted(set(named))


def _named_paths(spec: Spec) -> Iterator[str]:
    yield spec.task.dataset
    if spec.task.checker:
        yield spec.task.checker


def _model_paths(spec: Spec) -> Iterator[str]:
    for model in (*spec.teachers, *spec.students):
        if model.kind == "weights" and model.path:
            yield model.path.rstrip("/")


def read_plan(path: Path, folder: Path, stack: Stack) -> SavedPlan:
    """A plan that `stratos plan --out` wrote, if the folder is still the one it was made from.

    Raises:
        SpecRejected: It is none, or spec, dataset or stack are others.
        NoFeasiblePlan: It does not hold every constraint.
    """
    from stratos.planning.offline.folder import dataset_sha256

    try:
        found = PlanDocument.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        message = f"{path} is not what `stratos plan --out` of this version writes; plan again"
        raise SpecRejected([Problem(path="--plan", line=None, message=message)]) from error
    saved = found.saved()
    content = (folder / SPEC_FILE).read_bytes()
    problems = list(
        obstacles(saved, hashlib.sha256(content).hexdigest(), stack.region, stack.worker_regions)
    )
    spec = read_spec_in_folder(content, files_under(folder))
    if dataset_sha256(folder, spec.task.dataset) != saved.basis.dataset_sha256:
        problems.append("the dataset has changed since; plan again with `stratos plan --out`")
    problems += _not_offered(saved, stack)
    if problems:
        raise SpecRejected([Problem(path="--plan", line=None, message=why) for why in problems])
    return saved


def _not_offered(saved: SavedPlan, stack: Stack) -> Iterator[str]:
    """What a plan trains or serves on, if the stack has a catalog of its own without it."""
    text = read_object(stack, SERVERS_KEY)
    if text is None:
        return
    try:
        offered = {
            each.instance_type for each in ServerCatalog.model_validate_json(text).instance_types
        }
    except ValidationError:
        yield (
            f"the stack's own catalog, {s3_uri(stack.bucket, SERVERS_KEY)}, is none that this "
            f"version reads; write it anew: stratos catalog refresh --region {stack.region} --out "
            f"s3://{stack.bucket}"
        )
        return
    chosen = saved.chosen
    for wanted in dict.fromkeys((chosen.training.instance_type, chosen.serving.instance_type)):
        if wanted in offered:
            continue
        yield (
            f"this stack's own catalog has no {wanted}; plan with that catalog: "
            f"stratos plan FOLDER --catalog s3://{stack.bucket} --out plan.json"
        )


def submit(
    stack: Stack, folder: Path, on_file: Callable[[Path], None], plan: Path | None = None
) -> Submission:
    """Upload a folder and return the run its spec starts.

    Args:
        plan: What `stratos plan --out` wrote: the run takes it, or is refused.

    Raises:
        SpecRejected, NoFeasiblePlan: before anything is uploaded.
    """
    running = RunningStack(
        stack.names.prefix, stack.region, stack.worker_regions, account=stack.account
    )
    spec, files = read_folder(folder, running)
    saved = None if plan is None else read_plan(plan, folder, stack)
    prefix = f"{SPEC_PREFIX}{spec.name}/"
    num_bytes, metadata = 0, {}
    if saved is not None:
        content = saved.model_dump_json(indent=1).encode()
        stack.s3.put_object(Bucket=stack.bucket, Key=prefix + PLAN_FILE, Body=content)
        metadata = {PLAN_METADATA: hashlib.sha256(content).hexdigest()}
    for file in files:
        on_file(file)
        key = prefix + file.as_posix()
        stack.s3.upload_file(str(folder / file), stack.bucket, key, ExtraArgs=TELLING_CHECKSUM)
        num_bytes += (folder / file).stat().st_size
    queued = read_queue(stack).why_would_wait(spec.name)  # before anything is begun
    body = (folder / SPEC_FILE).read_bytes()
    key = prefix + SPEC_FILE
    version = stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body, Metadata=metadata)[
        "VersionId"
    ]
    return Submission(
        run_id=run_id_of(stack.bucket, key, version),
        queued=queued,
        spec_uri=s3_uri(stack.bucket, key),
        num_files=len(files) + 1,
        num_bytes=num_bytes + len(body),
    )


def submit_command(
    folder: Annotated[Path, typer.Argument(help="Folder with spec.yaml and what it names.")],
    plan: Annotated[
        Path | None,
        typer.Option(
            help="What `stratos plan --out` wrote: the run takes that plan, or is refused."
        ),
    ] = None,
    watch: Annotated[bool, typer.Option(help="Follow the run to its end.")] = False,
    json_: Json = False,
) -> None:
    stack, console = Stack.find(), make_console()
    submission = submit(
        stack,
        folder,
        lambda file: None if json_ else console.print(f"uploading {file}", markup=False),
        plan,
    )
    if json_:
        print_json(
            {
                "run_id": submission.run_id,
                "spec_uri": submission.spec_uri,
                "queued": submission.queued,
            }
        )
    else:
        told = f"run {submission.run_id} starts from {submission.spec_uri}"
        console.print(told, soft_wrap=True, markup=False)
        if submission.queued is not None:
            console.print(f"it waits first, {submission.queued}", soft_wrap=True, markup=False)
    if watch:
        watch_run(stack, submission.run_id, json_=json_)
