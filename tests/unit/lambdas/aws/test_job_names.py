"""What training jobs are called, and whose they are by their names."""

from __future__ import annotations

import pytest

from lambdas.aws.job_names import job_name, step_name, step_of


@pytest.mark.parametrize("step", ["probe-t0", step_name("distill", 2)])
def test_the_step_of_a_job_is_read_from_its_name(step: str) -> None:
    assert step_of("tiles-0123abcd", job_name("tiles-0123abcd", step, 1)) == step


@pytest.mark.parametrize("name", ["tiles-0123abce-distill-a0-0", "tiles-0123abcd", "other"])
def test_a_job_of_another_run_has_no_step(name: str) -> None:
    assert step_of("tiles-0123abcd", name) is None
