import os
import signal

import pytest

from training.container.clock import JobClock


@pytest.fixture
def restored_sigterm():
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


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
