"""The files that a spec names in its folder, and a hash over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

from lambdas.aws.spec_folder import SpecFile, SpecFolder
from stratos.dataset.inspect_dataset import DataFile
from stratos.spec import Spec, Weights
from stratos.spec.folder import belongs_to_model, dataset_files


def data_files(folder: SpecFolder, spec: Spec) -> Iterator[DataFile]:
    """The dataset's files, in the order of their names."""
    for item in _dataset_files(folder, spec):
        yield DataFile(item.path, partial(folder.open, item.path))


def content_hash(folder: SpecFolder, spec: Spec) -> str:
    """Hash of the spec as read, and of dataset, checker and model folders by their ETags.

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
    digest = hashlib.sha256(spec.model_dump_json().encode())
    for path in sorted(etags):
        digest.update(f"\n{path} {etags[path]}".encode())
    return digest.hexdigest()


def _dataset_files(folder: SpecFolder, spec: Spec) -> list[SpecFile]:
    found = {item.path: item for item in folder.list(spec.task.dataset)}
    return [found[path] for path in dataset_files(spec.task.dataset, lambda _: found)]


def _local_models(spec: Spec) -> list[Weights]:
    models = [*spec.teachers, *spec.students]
    return [model for model in models if isinstance(model, Weights) and model.path]
