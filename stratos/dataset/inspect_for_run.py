"""A dataset inspected for a run, in a function or in a job: split, and held against its spec."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stratos.catalog.files import Files
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.spec_models import require_roles
from stratos.dataset.allowance import Allowance
from stratos.dataset.conversations import conversations_in
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.dataset.inspection import Inspection
from stratos.dataset.logged import require_replies
from stratos.dataset.token_lengths import token_lengths
from stratos.spec import Spec


def inspect_for_run(
    spec: Spec, data: Iterable[DataFile], folder: Files, splits: Path, allowance: Allowance
) -> Inspection:
    """Write train.jsonl, probe.jsonl and heldout.jsonl into `splits`.

    Args:
        data: The dataset's files.
        folder: That of the spec, for the tokenizers and chat templates of its models.

    Raises:
        DatasetRejected: the dataset cannot be used, or not in the room and time that is allowed.
        SpecRejected: a model's chat template refuses what the dataset holds.
    """
    found = inspect_dataset(data, spec.task, splits, allowance)
    require_replies(spec, found)
    models = ModelFiles(folder)
    require_roles(spec, models, conversations_in(splits))
    return found.model_copy(update={"tokens": token_lengths(splits, spec, models)})
