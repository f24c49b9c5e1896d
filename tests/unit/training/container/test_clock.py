import os
import signal

import pytest

from stratos.contracts.jobs import Progress
from stratos.frozen import FrozenModel
from training.container.clock import JobClock
from training.container.paths import SageMakerPaths
from training.job.progress import ProgressReporter
from training.teachers.teacher import Completion, ModelUsage


@pytest.fixture
def restored_sigterm():
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


class Uploads:
    """Keeps what was put, or refuses it."""

    def __init__(self, broken=False):
        self.broken, self.documents = broken, []

    def put(self, uri: str, document: FrozenModel) -> None:
        if self.broken:
            raise OSError("no network")
        self.documents.append((uri, document))


def test_sigterm_asks_the_job_to_end(restored_sigterm):
    clock = JobClock(deadline_seconds=3600)
    clock.end_on_sigterm()
    assert clock.must_end() is None
    os.kill(os.getpid(), signal.SIGTERM)
    assert clock.must_end() == "sigterm"


def test_the_deadline_counts_what_is_still_to_be_done():
    clock = JobClock(deadline_seconds=3600)
    assert clock.must_end(reserve_seconds=10) is None
    assert clock.must_end(reserve_seconds=3601) == "deadline"
    assert JobClock(deadline_seconds=0).must_end() == "deadline"


def test_the_last_progress_is_uploaded_when_the_job_ends():
    uploads = Uploads()
    with ProgressReporter("distill", "s3://b/p.json", uploads, JobClock(60)) as progress:
        progress.report("student", 1, 10, "steps")
        progress.report("student", 2, 10, "steps", loss=0.5)
    uri, latest = uploads.documents[-1]
    assert uri == "s3://b/p.json"
    assert isinstance(latest, Progress)
    assert (latest.done, latest.total, latest.loss) == (2, 10, 0.5)


def test_progress_tells_what_this_and_earlier_attempts_paid_their_teacher():
    uploads, usage = Uploads(), ModelUsage()
    with ProgressReporter("synthesize", "s3://b/p.json", uploads, JobClock(60), 0.5) as progress:
        progress.charge(usage)
        usage.add(Completion("answer", True, 10, 5, usd=0.25))
        progress.report("teacher", 1, 10, "calls")
    _, latest = uploads.documents[-1]
    assert latest.usd == 0.75


def test_progress_that_cannot_be_uploaded_does_not_stop_the_job():
    with ProgressReporter("probe", "s3://b/p.json", Uploads(broken=True), JobClock(60)) as progress:
        progress.report("teacher", 1, 10, "questions")


def test_paths_come_from_sagemakers_variables():
    paths = SageMakerPaths.from_environment(
        {
            "SM_CHANNEL_CONFIG": "/opt/ml/input/data/config",
            "SM_MODEL_DIR": "/m",
            "SM_OUTPUT_DIR": "/o",
            "SM_HPS": '{"student_artifact": "s3://b/k", "n": 3}',
            "SM_NUM_CPUS": "2",
            "STRATOS_CHECKPOINT_DIR": "/c",
        }
    )
    assert str(paths.channel("config")) == "/opt/ml/input/data/config"
    assert paths.hyperparameters == {"student_artifact": "s3://b/k", "n": "3"}
    assert (str(paths.checkpoint_dir), paths.num_cpus) == ("/c", 2)
    with pytest.raises(ValueError, match="no channel 'teacher', only \\['config'\\]"):
        paths.channel("teacher")
