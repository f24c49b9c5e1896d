"""A planning request from a folder on disk: no account, no network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from stratos.catalog.cards import card_of, student_card
from stratos.catalog.chat_template import Conversation
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.models import default_students, default_teachers
from stratos.catalog.servers import ServerCatalog
from stratos.catalog.spec_models import require_roles
from stratos.contracts.records import Record, read_jsonl
from stratos.dataset.conversations import conversations_in
from stratos.dataset.inspect_dataset import DataFile, Refuse, inspect_dataset, reject
from stratos.dataset.inspection import Inspection
from stratos.dataset.lines import OpenFile
from stratos.dataset.logged import require_replies
from stratos.dataset.template_tokens import count_templates
from stratos.dataset.token_estimate import (
    CountTokens,
    counter_of,
    longest_prompt,
    mean_tokens,
)
from stratos.hosting.modes.table import MODES_ELSEWHERE
from stratos.planning.request import DatasetFacts, PlanningRequest
from stratos.spec import Spec, Task
from stratos.spec.folder import dataset_files, files_under

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True)
class FolderDataset:
    """What inspecting a folder's dataset showed."""

    found: Inspection
    probe: tuple[Record, ...]
    conversations: tuple[Conversation, ...]
    """One of each kind."""
    num_bytes: int
    """Of the three splits together."""


def see_dataset(folder: Path, task: Task) -> FolderDataset:
    """Inspect a folder's dataset, and keep what a plan needs of it.

    Raises:
        DatasetRejected: when the dataset cannot be used.
    """
    with TemporaryDirectory() as name:
        splits = Path(name)
        return FolderDataset(
            found=inspect_folder(folder, task, splits),
            probe=tuple(read_jsonl(splits / "probe.jsonl", Record)),
            conversations=tuple(conversations_in(splits)),
            num_bytes=sum(file.stat().st_size for file in splits.glob("*.jsonl")),
        )


def request_of_folder(
    folder: Path,
    spec: Spec,
    servers: ServerCatalog,
    region: str = DEFAULT_REGION,
    worker_regions: Sequence[str] = (),
    *,
    files: ModelFiles | None = None,
    seen: FolderDataset | None = None,
) -> PlanningRequest:
    """Describe a spec's folder to the planner, as the pipeline would.

    Args:
        worker_regions: Where the stack could train and serve, beside its own region.
        files: Of the folder, if some were looked at before.
        seen: Its dataset, if that was looked at before.

    Raises:
        DatasetRejected: when the dataset cannot be used.
        ValueError, LookupError: when a model cannot be described, with the reason.
    """
    files = files or ModelFiles(FilesOnDisk(folder))
    seen = seen or see_dataset(folder, spec.task)
    require_replies(spec, seen.found)
    require_roles(spec, files, seen.conversations)
    teachers = tuple(card_of(teacher, files) for teacher in spec.teachers)
    students = tuple(student_card(student, files) for student in spec.students)
    if not teachers:
        today = datetime.now(UTC).date()
        teachers = tuple(row.card() for row in default_teachers(today))
        teachers += tuple(row.card() for row in default_students())
    beside = (student.path for student in spec.students if student.path is not None)
    regions = (region, *worker_regions) if worker_regions else ()
    return PlanningRequest(
        spec=spec,
        region=region,
        training_regions=regions,
        serving_regions=regions,
        modes_elsewhere=MODES_ELSEWHERE if worker_regions else None,
        teachers=count_templates(teachers, {m.name: m for m in spec.teachers}, files, seen.probe),
        students=count_templates(
            students or tuple(row.card() for row in default_students()),
            {m.name: m for m in spec.students},
            files,
            seen.probe,
        ),
        servers=servers,
        dataset=_facts(seen, counter_of(files, beside)),
    )


def inspect_folder(folder: Path, task: Task, splits: Path, refuse: Refuse = reject) -> Inspection:
    """Inspect the dataset of a spec's folder as the pipeline does.

    Args:
        splits: Receives train.jsonl, probe.jsonl and heldout.jsonl.
        refuse: If it raises nothing, the dataset is inspected to its end all the same.

    Raises:
        DatasetRejected: when the dataset cannot be used, or a file cannot be read.
    """
    return inspect_dataset(_data_files(folder, task.dataset), task, splits, refuse=refuse)


def dataset_sha256(folder: Path, dataset: str) -> str:
    """Hash of the files of a dataset, by their names and what is in them."""
    digest = hashlib.sha256()
    for name in dataset_files(dataset, files_under(folder)):
        with (folder / name).open("rb") as file:
            digest.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _facts(seen: FolderDataset, count: CountTokens) -> DatasetFacts:
    found, probe = seen.found, seen.probe
    prompts = ["\n".join(message.content for message in record.messages) for record in probe]
    return DatasetFacts(
        num_train=found.num_records["train"],
        num_probe=found.num_records["probe"],
        num_heldout=found.num_records["heldout"],
        num_gold=found.num_gold,
        num_replies=sum(found.num_replies.values()),
        prompt_tokens=mean_tokens(prompts, count),
        answer_tokens=mean_tokens((r.gold for r in probe if r.gold is not None), count),
        longest_prompt_tokens=longest_prompt(prompts, count, found.prompt_characters.max),
        num_bytes=seen.num_bytes,
    )


def _data_files(folder: Path, dataset: str) -> Iterator[DataFile]:
    for name in dataset_files(dataset, files_under(folder)):
        yield DataFile(name, partial(_open, folder / name))


def _open(file: Path) -> OpenFile:
    return file.open("rb")
