"""Starting times, billed and not."""

from __future__ import annotations

from stratos.planning.forecast.start_up import job_start


def test_a_larger_image_takes_longer_and_is_billed() -> None:
    cpu, cuda = job_start("ml.c7i.xlarge"), job_start("ml.g5.xlarge")
    assert cpu.billed_seconds < cuda.billed_seconds
    assert cpu.seconds == cpu.preparing_seconds + cpu.billed_seconds
    assert cpu.grade == cuda.grade == "observed"


def test_this_machine_prepares_no_instances() -> None:
    here = job_start("ml.local.cpu2")
    assert here.grade == "measured"
    assert here.preparing_seconds == 0
    assert here.seconds < job_start("ml.c7i.xlarge").billed_seconds
