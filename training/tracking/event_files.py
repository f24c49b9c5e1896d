"""TensorBoard's event files, written here and kept beside the job's result."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar, text

from training.tracking.tracker import Status, TrainingPoint


class Upload(Protocol):
    """Puts a file into the bucket."""

    def __call__(self, path: Path, uri: str) -> None: ...


class EventFiles:
    """One event file of one attempt: an attempt that resumes writes a file of its own beside it."""

    def __init__(
        self, folder: Path, prefix_uri: str, upload: Upload, settings: Mapping[str, str]
    ) -> None:
        """Begin a file.

        Args:
            folder: On this machine.
            prefix_uri: Of the files in the bucket, with its slash.
            settings: Of the training, shown as text.
        """
        self._folder, self._prefix_uri, self._upload = folder, prefix_uri, upload
        folder.mkdir(parents=True, exist_ok=True)
        # Without the library's queue and thread, of which a flush does not wait for the rest.
        self._writer = EventsWriter(str(folder / "events"))
        rows = [f"| {name} | {value} |" for name, value in settings.items()]
        told = "\n".join(["| setting | value |", "|---|---|", *rows])
        self._writer.write_event(
            Event(wall_time=time.time(), step=0, summary=text("settings", told))
        )
        self._written_to: tuple[int, float] | None = None

    @property
    def name(self) -> str:
        return f"TensorBoard's files at {self._prefix_uri}"

    def keep(self, points: Sequence[TrainingPoint]) -> None:
        for point in points:
            # After an upload that failed, the same points come again.
            if self._written_to is not None and (point.step, point.at) <= self._written_to:
                continue
            for tag, value in point.figures.items():
                self._writer.write_event(
                    Event(wall_time=point.at, step=point.step, summary=scalar(tag, value))
                )
            self._written_to = (point.step, point.at)
        self._bring_home()

    def end(self, status: Status) -> None:
        self._bring_home()
        self._writer.close()

    def _bring_home(self) -> None:
        self._writer.flush()
        for file in sorted(self._folder.iterdir()):
            self._upload(file, self._prefix_uri + file.name)
