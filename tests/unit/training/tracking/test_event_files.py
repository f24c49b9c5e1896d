"""TensorBoard's files, read back with TensorBoard's own reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from training.tracking.event_files import EventFiles
from training.tracking.tracker import TrainingPoint

PREFIX = "s3://bucket/runs/r/jobs/distill-a0/tensorboard/"


class Bucket:
    """Keeps what is uploaded, unless it is down."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.down = folder, False
        folder.mkdir()

    def upload(self, path: Path, uri: str) -> None:
        if self.down:
            raise ConnectionError("no bucket")
        assert uri.startswith(PREFIX)
        (self.folder / uri.removeprefix(PREFIX)).write_bytes(path.read_bytes())


def scalars(folder: Path) -> Iterator[tuple[str, int, float, float]]:
    for file in sorted(folder.iterdir()):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tensor.float_val:
                    yield value.tag, event.step, event.wall_time, value.tensor.float_val[0]


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path / "bucket")


def test_figures_are_read_back_as_they_were_noted(tmp_path: Path, bucket: Bucket) -> None:
    files = EventFiles(tmp_path / "events", PREFIX, bucket.upload, {"method": "lora"})
    files.keep(
        [
            TrainingPoint(1, 10.0, {"loss": 0.5}),
            TrainingPoint(2, 11.0, {"loss": 0.25, "learning_rate": 2}),
        ]
    )
    assert list(scalars(bucket.folder)) == [
        ("loss", 1, 10.0, 0.5),
        ("loss", 2, 11.0, 0.25),
        ("learning_rate", 2, 11.0, 2.0),
    ]
    files.keep([TrainingPoint(3, 12.0, {"loss": 0.125})])
    files.end("finished")
    assert list(scalars(bucket.folder))[-1] == ("loss", 3, 12.0, 0.125)
    [file] = bucket.folder.iterdir()
    texts = [
        value.tensor.string_val[0].decode()
        for event in EventFileLoader(str(file)).Load()
        for value in event.summary.value
        if value.tensor.string_val
    ]
    assert texts == ["| setting | value |\n|---|---|\n| method | lora |"]


def test_points_that_come_again_after_a_failed_upload_are_written_once(
    tmp_path: Path, bucket: Bucket
) -> None:
    files = EventFiles(tmp_path / "events", PREFIX, bucket.upload, {})
    bucket.down = True
    points = [TrainingPoint(1, 10.0, {"loss": 0.5})]
    with pytest.raises(ConnectionError):
        files.keep(points)
    bucket.down = False
    files.keep([*points, TrainingPoint(2, 11.0, {"loss": 0.25})])
    assert [step for _, step, _, _ in scalars(bucket.folder)] == [1, 2]
    files.end("finished")
