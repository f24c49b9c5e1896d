"""The files that a spec names in its folder: what they hold, how large they are, their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from posixpath import commonpath, dirname

from lambdas.aws.spec_folder import SpecFile, SpecFolder
from stratos.dataset.lines import DataFile
from stratos.spec import Spec, Weights
from stratos.spec.default_budget import as_written
from stratos.spec.folder import belongs_to_model, dataset_files

_PACKED = (".gz", ".parquet")
_UNPACKED_BYTES = 4
"""That a byte of a packed file is taken to hold at least: gzip packs chats to a fifth or less."""


@dataclass(frozen=True)
class StoredDataset:
    """A dataset as it lies in the bucket.

    Attributes:
        root: The folder of all its files in that of the spec, with its slash; empty for the same.
        prefix: Of its one file, or of their folder: what a job's channel brings.
        plain_bytes: Of files that are read as they are.
        packed_bytes: Of files that hold more than they take up.
        other_bytes: Of files that the channel brings besides, such as models in the same folder.
    """

    root: str
    prefix: str
    plain_bytes: int
    packed_bytes: int
    other_bytes: int

    @property
    def num_bytes(self) -> int:
        """What reading it yields, at least."""
        return self.plain_bytes + _UNPACKED_BYTES * self.packed_bytes


def stored_dataset(folder: SpecFolder, spec: Spec) -> StoredDataset:
    """Where the dataset lies, and how large its files are."""
    files, named = _dataset_files(folder, spec), spec.task.dataset
    paths = {file.path for file in files}
    packed = sum(file.size for file in files if file.path.endswith(_PACKED))
    shared = commonpath(map(dirname, paths)) if paths else ""
    root = f"{shared}/" if shared else ""
    prefix = named if paths == {named} else root
    return StoredDataset(
        root=root,
        prefix=prefix,
        plain_bytes=sum(file.size for file in files) - packed,
        packed_bytes=packed,
        other_bytes=sum(file.size for file in folder.list(prefix) if file.path not in paths),
    )


def data_files(folder: SpecFolder, spec: Spec) -> Iterator[DataFile]:
    """The dataset's files, in the order of their names."""
    for item in _dataset_files(folder, spec):
        yield DataFile(item.path, partial(folder.open, item.path))


def content_hash(folder: SpecFolder, spec: Spec) -> str:
    """Hash of the spec as written, and of dataset, checker and model folders by their ETags.

    Equal hashes mean equal inputs. The reverse need not hold: an encrypted object has a new ETag
    each time it is uploaded.
    """
    named = [model.path.rstrip("/") for model in _local_models(spec) if model.path]
    if spec.task.checker:
        named.append(spec.task.checker)
    files = [
        *_dataset_files(folder, spec),
        *(
            item
            for path in named
            for item in folder.list(path)
            if belongs_to_model(item.path, path)
        ),
    ]
    etags = {item.path: item.etag for item in files}
    digest = hashlib.sha256(as_written(spec).model_dump_json().encode())
    for path in sorted(etags):
        digest.update(f"\n{path} {etags[path]}".encode())
    return digest.hexdigest()


def _dataset_files(folder: SpecFolder, spec: Spec) -> list[SpecFile]:
    found = {item.path: item for item in folder.list(spec.task.dataset)}
    return [found[path] for path in dataset_files(spec.task.dataset, lambda _: found)]


def _local_models(spec: Spec) -> list[Weights]:
    models = [*spec.teachers, *spec.students]
    return [model for model in models if isinstance(model, Weights) and model.path]
