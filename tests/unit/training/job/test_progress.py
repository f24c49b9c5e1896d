from stratos.contracts.jobs import Progress
from stratos.frozen import FrozenModel
from training.container.clock import JobClock
from training.job.progress import ProgressReporter
from training.teachers.teacher import Completion, ModelUsage


class Uploads:
    """Keeps what was put, or refuses it."""

    def __init__(self, broken=False):
        self.broken, self.documents = broken, []

    def put(self, uri: str, document: FrozenModel) -> None:
        if self.broken:
            raise OSError("no network")
        self.documents.append((uri, document))


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


def test_a_job_without_news_says_that_it_is_still_at_it():
    uploads, now = Uploads(), [0.0]
    progress = ProgressReporter(
        "distill", "s3://b/p.json", uploads, JobClock(600), now=lambda: now[0]
    )
    progress.doing("reading the weights of student")
    for second in range(0, 60, 2):
        now[0] = float(second)
        progress.tell()
    told = [latest.quiet_seconds for _, latest in uploads.documents]
    assert told == [0.0, 8.0, 16.0, 24.0, 32.0, 40.0, 48.0, 56.0]
    assert {latest.label for _, latest in uploads.documents} == {"reading the weights of student"}
    progress.report("student", 1, 10, "steps", note="the deadline will cut it")
    progress.tell()
    _, latest = uploads.documents[-1]
    assert (latest.quiet_seconds, latest.note) == (0.0, "the deadline will cut it")


def test_a_job_that_has_said_nothing_yet_tells_nothing():
    uploads = Uploads()
    ProgressReporter("distill", "s3://b/p.json", uploads, JobClock(600)).tell()
    assert uploads.documents == []
