"""Checkpoints: restored from S3 before a job starts and copied there while it runs."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.host.transfers import TransferError, download_prefix, join_key, split_uri

logger = logging.getLogger(__name__)

_SCAN_SECONDS = 1.0
_TEMPORARY_SUFFIXES = (".tmp", ".part", ".partial", ".incomplete")

Signature = tuple[int, int, int]
"""Inode, modification time in ns, bytes: a rename over a file changes it too."""


class CheckpointSync:
    """Keeps an S3 prefix up to date with a directory, one way.

    A file is copied once two scans in a row saw it the same, so that one being written is left
    alone; oldest first, so that a marker written after the files it vouches for arrives after
    them. Temporary names never leave. Nothing is deleted from S3.
    """

    def __init__(self, s3: Any, uri: str, directory: Path) -> None:
        self._s3 = s3
        self._uri = uri
        self._bucket, self._prefix = split_uri(uri)
        self._directory = directory
        self._seen: dict[Path, Signature] = {}
        self._uploaded: dict[Path, Signature] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def restore(self) -> int:
        """Fill the directory from S3 and return the number of files."""
        self._directory.mkdir(parents=True, exist_ok=True)
        prefix = self._uri.rstrip("/") + "/"
        count = download_prefix(self._s3, prefix, self._directory)
        self._uploaded = self._scan()
        return count

    def start(self) -> None:
        self._thread.start()

    def close(self, *, upload: bool) -> None:
        """Stop watching; with `upload`, first copy what the ended program left behind.

        Raises:
            TransferError: A last file could not be copied.
        """
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        if upload:
            try:
                self._copy(self._scan())
            except (BotoCoreError, ClientError, Boto3Error, OSError) as error:
                raise TransferError(f"Cannot write checkpoints to {self._uri}: {error}") from error

    def _watch(self) -> None:
        while not self._closing.wait(_SCAN_SECONDS):
            found = self._scan()
            settled = {path: mark for path, mark in found.items() if self._seen.get(path) == mark}
            self._seen = found
            try:
                self._copy(settled)
            except (BotoCoreError, ClientError, Boto3Error, OSError) as error:
                logger.warning("Checkpoints did not reach %s yet: %s", self._uri, error)

    def _scan(self) -> dict[Path, Signature]:
        found: dict[Path, Signature] = {}
        for path in self._directory.rglob("*"):
            try:
                status = path.stat()
                is_file = path.is_file()
            except FileNotFoundError:
                continue
            if is_file and not path.name.endswith(_TEMPORARY_SUFFIXES):
                found[path] = (status.st_ino, status.st_mtime_ns, status.st_size)
        return dict(sorted(found.items(), key=lambda item: item[1][1]))

    def _copy(self, files: dict[Path, Signature]) -> None:
        for path, mark in files.items():
            if self._uploaded.get(path) == mark:
                continue
            # Read whole, then put: one object is either the old file or the new one.
            key = join_key(self._prefix, path.relative_to(self._directory))
            try:
                self._s3.upload_file(str(path), self._bucket, key)
            except FileNotFoundError:
                continue  # rotated away between the scan and the copy
            self._uploaded[path] = mark
