"""The files a run is made from: what the spec names in its folder, and a hash over all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

from lambdas.aws.bucket import Bucket, StoredObject
from stratos.contracts.bucket import spec_folder
from stratos.dataset.inspection import DataFile
from stratos.spec import Spec, Weights
from stratos.spec.folder import is_data_file


def data_files(bucket: Bucket, spec_key: str, spec: Spec) -> Iterator[DataFile]:
    """The dataset's files, in the order of their names."""
    folder = spec_folder(spec_key)
    for item in _dataset_objects(bucket, folder, spec):
        yield DataFile(item.key.removeprefix(folder), partial(bucket.open, item.key))


def content_hash(bucket: Bucket, spec_key: str, spec: Spec) -> str:
    """Hash of the spec as read, and of dataset, checker and model folders by their ETags.

    Equal hashes mean equal inputs. The reverse need not hold: an encrypted object has a new ETag
    each time it is uploaded.
    """
    folder = spec_folder(spec_key)
    prefixes = [model.path.rstrip("/") + "/" for model in _local_models(spec) if model.path]
    objects = {item.key: item for item in _dataset_objects(bucket, folder, spec)}
    for prefix in prefixes:
        objects |= {item.key: item for item in bucket.list(folder + prefix)}
    if spec.task.checker:
        objects |= {item.key: item for item in bucket.list(folder + spec.task.checker)}
    digest = hashlib.sha256(spec.model_dump_json().encode())
    for key in sorted(objects):
        digest.update(f"\n{key.removeprefix(folder)} {objects[key].etag}".encode())
    return digest.hexdigest()


def _dataset_objects(bucket: Bucket, folder: str, spec: Spec) -> list[StoredObject]:
    """One file of exactly that name, or else everything that begins with it."""
    found = list(bucket.list(folder + spec.task.dataset))
    exact = [item for item in found if item.key == folder + spec.task.dataset]
    return exact or [item for item in found if is_data_file(item.key)]


def _local_models(spec: Spec) -> list[Weights]:
    models = [*spec.teachers, *spec.students]
    return [model for model in models if isinstance(model, Weights) and model.path]
