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


def test_a_batch_under_way_is_told_while_its_answers_are_not_there():
    uploads, usage = Uploads(), ModelUsage()
    with ProgressReporter("probe", "s3://b/p.json", uploads, JobClock(60)) as progress:
        progress.charge(usage)
        progress.report("teacher", 0, 10, "questions")
        usage.under_way = 1_234
    _, latest = uploads.documents[-1]
    assert latest.label == "teacher, 1,234 tokens into a batch"
    assert latest.done == 0
