"""The folder of a spec in its bucket: the spec, and the dataset and models beside it."""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import error_code
from stratos.contracts.bucket import (
    PLAN_FILE,
    PLAN_METADATA,
    REJECTION_FILE,
    SPEC_PREFIX,
    spec_folder,
)
from stratos.contracts.run import RunRef
from stratos.contracts.saved_plan import SavedPlan
from stratos.problems import Rejection


@dataclass(frozen=True)
class SpecFile:
    """A file beside a spec."""

    path: str
    etag: str
    size: int


@dataclass(frozen=True)
class SpecFolder:
    """The folder that the spec of a run lies in. Paths are relative to it."""

    run: RunRef

    @property
    def name(self) -> str:
        """What the spec in it must be named."""
        return self._prefix.removeprefix(SPEC_PREFIX).rstrip("/")

    def read_spec(self, max_bytes: int) -> bytes:
        """The beginning of the spec, as it was when the run began.

        Raises:
            FileNotFoundError: when that version is gone.
        """
        return self._bucket.read(self.run.spec_key, version_id=self._version, max_bytes=max_bytes)

    def has_newer_spec(self) -> bool:
        """Whether the spec was uploaded again since; that upload has a run of its own."""
        try:
            newest = self._bucket.newest_version(self.run.spec_key)
        except FileNotFoundError:
            return False
        return newest != self.run.spec_version_id

    def find_plan(self) -> SavedPlan | None:
        """The plan that the spec was submitted with; None where it is to be planned afresh.

        Raises:
            ValueError: the plan beside the spec is another, or is none.
        """
        noted = self._bucket.metadata(self.run.spec_key, self._version).get(PLAN_METADATA)
        if noted is None:
            return None
        try:
            content = self.read(PLAN_FILE)
        except FileNotFoundError as error:
            raise ValueError(f"{error} any more; submit again with --plan") from error
        if hashlib.sha256(content).hexdigest() != noted:
            raise ValueError("it is not the one that the spec was submitted with; submit again")
        try:
            return SavedPlan.model_validate_json(content)
        except ValidationError as error:
            raise ValueError(
                "this stack cannot read it: it was saved by another version of Stratos; update "
                "the stack or the command line, and plan again"
            ) from error

    def put_rejection(self, rejection: Rejection) -> None:
        """Tell whoever uploaded the spec; nobody, where its bucket is gone."""
        try:
            self._bucket.put_model(self._prefix + REJECTION_FILE, rejection)
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise

    def open(self, path: str) -> Any:
        """A file's body, as a stream.

        Raises:
            FileNotFoundError: when there is no such file.
        """
        return self._bucket.open(self._prefix + path)

    def read(self, path: str) -> bytes:
        """A file's bytes.

        Raises:
            FileNotFoundError: when there is no such file.
        """
        return self._bucket.read(self._prefix + path)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """Some of a file's bytes; fewer where it ends before.

        Raises:
            FileNotFoundError: when there is no such file.
        """
        return self._bucket.read_range(self._prefix + path, start, length)

    def names(self, folder: str) -> builtins.list[str]:
        """The names of the files that lie in a folder itself."""
        prefix = f"{folder.rstrip('/')}/"
        names = (file.path.removeprefix(prefix) for file in self.list(prefix))
        return [name for name in names if "/" not in name]

    def list(self, path: str) -> Iterator[SpecFile]:
        """The files whose path begins with `path`."""
        for item in self._bucket.list(self._prefix + path):
            yield SpecFile(item.key.removeprefix(self._prefix), item.etag, item.size)

    def uri(self, path: str) -> str:
        return self._bucket.uri(self._prefix + path)

    @property
    def _version(self) -> str | None:
        return None if self.run.spec_version_id == "null" else self.run.spec_version_id

    @property
    def _bucket(self) -> Bucket:
        return Bucket(self.run.bucket)

    @property
    def _prefix(self) -> str:
        return spec_folder(self.run.spec_key)
