"""The machine a job runs on."""

import os
from pathlib import Path

import pytest
import torch

from stratos.units import MIB
from training.container.host import give_back_memory, limit_threads, use_cpus
from training.container.paths import SageMakerPaths


@pytest.fixture
def threads(monkeypatch):
    """Threads that torch was told to use; 8 before that."""
    told = [8]
    monkeypatch.setattr(torch, "get_num_threads", lambda: told[-1])
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    return told


def test_a_job_uses_the_cpus_that_sagemaker_counts(threads, tmp_path):
    use_cpus(SageMakerPaths({}, tmp_path, tmp_path))
    use_cpus(SageMakerPaths({}, tmp_path, tmp_path, num_cpus=3))
    assert threads == [8, 3]


@pytest.mark.parametrize(("parameters", "used"), [(10, 1), (9_000_000, 2), (10**9, 8)])
def test_a_small_model_gets_no_more_threads_than_it_gains_from(threads, parameters, used):
    limit_threads(parameters)
    assert threads[-1] == used


def test_freed_memory_goes_back_to_the_system_from_below_what_is_still_used():
    # 64 KiB each: larger ones may have pages of their own, which go back by themselves.
    held = [torch.ones(1 << 14) for _ in range(1024)]
    still_used = held.pop()
    held.clear()
    before = _resident_mib()
    give_back_memory()
    assert before - _resident_mib() > 32
    assert still_used.sum() == 1 << 14


def _resident_mib():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB
