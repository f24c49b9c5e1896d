"""Checkpoints that survive being killed at any moment.

A checkpoint is a folder written under a temporary name and renamed when it is complete and on disk.
It holds the hash of its tensors; one that does not match is skipped for the one before it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from stratos.errors import CorruptCheckpoint
from training.container.world import World

_KEPT = 2
_NO_STEP = -1
"""Stands for no checkpoint where processes compare theirs; a checkpoint may be of step 0."""
_HEAD, _TENSORS = "checkpoint.json", "tensors.safetensors"
_FILES = (_HEAD, _TENSORS)
_NAME = re.compile(r"step-(\d{9})")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """Everything that training needs to go on from a step.

    Attributes:
        step: Steps already done.
        tensors: Weights, optimizer state, random state.
        state: The rest, as JSON.
    """

    step: int
    tensors: dict[str, Tensor]
    state: str


class Checkpoints:
    """The checkpoints of one job in its folder; the last two are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, checkpoint: Checkpoint) -> bool:
        """Write a checkpoint and drop all but the last two.

        Returns:
            False when it could not be written: the disk is full. Those before it stay.
        """
        name = f"step-{checkpoint.step:09d}"
        partial = self._folder / f".partial-{name}"
        try:
            partial.mkdir(parents=True, exist_ok=True)
            tensors = {key: value.contiguous() for key, value in checkpoint.tensors.items()}
            save_file(tensors, partial / _TENSORS)
            head = {
                "step": checkpoint.step,
                "sha256": _sha256(partial / _TENSORS),
                "state": checkpoint.state,
            }
            (partial / _HEAD).write_text(json.dumps(head), encoding="utf-8")
            for path in partial.iterdir():
                _flush(path)
            final = self._folder / name
            if final.exists():
                shutil.rmtree(final)
            partial.rename(final)
            _flush(self._folder)
        except (OSError, SafetensorError) as error:
            _log.warning("checkpoint at step %d not written: %s", checkpoint.step, error)
            shutil.rmtree(partial, ignore_errors=True)
            return False
        for old in self._found()[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return True

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole; None where there has been none.

        Raises:
            CorruptCheckpoint: when there are checkpoints and none can be read.
        """
        found = self._found()
        for folder in reversed(found):
            try:
                return _read(folder)
            except (OSError, ValueError, KeyError, SafetensorError) as error:
                _log.warning("skipping %s: %s", folder.name, error)
        if found:
            raise CorruptCheckpoint(
                f"none of {[folder.name for folder in found]} can be read; "
                "delete the job's checkpoints to train from the start"
            )
        return None

    def _found(self) -> list[Path]:
        """Those with all their files: what was copied in part is no checkpoint yet."""
        if not self._folder.is_dir():
            return []
        return sorted(
            path
            for path in self._folder.iterdir()
            if _NAME.fullmatch(path.name) and all((path / name).is_file() for name in _FILES)
        )


def require_same_step(found: Checkpoint | None, world: World) -> None:
    """Make sure that all processes go on from one checkpoint, or all of them from none.

    Raises:
        CorruptCheckpoint: when hosts have kept different ones.
    """
    step = _NO_STEP if found is None else found.step
    if world.highest(step) != world.lowest(step):
        kept = "this host has no complete checkpoint, another host has one"
        if found is not None:
            kept = (
                f"this host's newest complete checkpoint is of step {step}, another host's is not"
            )
        raise CorruptCheckpoint(f"{kept}; delete the job's checkpoints to train from the start")


class CheckpointPace:
    """Says when the next checkpoint is due, so that writing them costs little of the time."""

    def __init__(self, min_seconds: float, cost_share: float, waited_seconds: float = 0.0) -> None:
        """Set up.

        Args:
            min_seconds: Between two checkpoints, however cheap they are.
            cost_share: Of the time, at most, for writing them.
            waited_seconds: Taken as passed since a checkpoint before the first.
        """
        self._min_seconds, self._cost_share = min_seconds, cost_share
        self._saved_at, self._save_seconds = time.monotonic() - waited_seconds, 0.0

    @property
    def is_due(self) -> bool:
        pause = max(self._min_seconds, self._save_seconds / self._cost_share)
        return time.monotonic() - self._saved_at >= pause

    def save(self, write: Callable[[], None]) -> None:
        """Write a checkpoint and take note of how long that took."""
        started = time.monotonic()
        write()
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - started


def _read(folder: Path) -> Checkpoint:
    head = json.loads((folder / _HEAD).read_text(encoding="utf-8"))
    path = folder / _TENSORS
    if _sha256(path) != head["sha256"]:
        raise ValueError("its tensors do not match their hash")
    return Checkpoint(int(head["step"]), load_file(path), str(head["state"]))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
