"""A busy machine is told from a slow one."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.container.contention import CpuShare, cpu_share_on

SECOND = 10**9


class Machine:
    """Time that passes, and threads that run and wait, as a test says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wall, self.own = folder, 100.0, 5.0

    def thread(self, number: int, ran: float, waited: float) -> None:
        (self.folder / str(number)).mkdir(exist_ok=True)
        told = f"{round(ran * SECOND)} {round(waited * SECOND)} 12\n"
        (self.folder / str(number) / "schedstat").write_text(told)

    def share(self) -> CpuShare:
        return CpuShare(self.folder, lambda: self.wall, lambda: self.own)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("seconds_to_compute", [1.0, 50.0])
def test_a_slow_machine_that_is_idle_gives_all_that_is_asked_for(
    machine: Machine, seconds_to_compute: float
) -> None:
    machine.thread(1, ran=3.0, waited=2.0)
    share = machine.share()
    machine.wall += seconds_to_compute
    machine.thread(1, ran=3.0 + seconds_to_compute, waited=2.0)
    assert share.value == pytest.approx(1.0)


def test_time_in_the_queue_of_any_thread_is_time_that_others_took(machine: Machine) -> None:
    machine.thread(1, ran=3.0, waited=2.0)
    share = machine.share()
    machine.wall += 10.0
    machine.thread(1, ran=9.0, waited=4.0)
    machine.thread(2, ran=4.0, waited=8.0)
    assert share.value == pytest.approx(0.5)


def test_a_thread_that_sleeps_asks_for_nothing(machine: Machine) -> None:
    machine.thread(1, ran=0.0, waited=0.0)
    share = machine.share()
    machine.wall += 100.0
    machine.thread(1, ran=1.0, waited=0.0)
    assert share.value == pytest.approx(1.0)


def test_where_the_kernel_says_nothing_cpu_time_is_compared_with_wall_time(
    machine: Machine,
) -> None:
    share = machine.share()
    machine.wall += 10.0
    machine.own += 4.0
    assert share.value == pytest.approx(0.4)


def test_after_a_moment_nothing_is_known(machine: Machine) -> None:
    machine.thread(1, ran=0.0, waited=0.0)
    share = machine.share()
    machine.wall += 0.1
    assert share.value is None


def test_this_machine_tells_how_much_of_it_this_process_got() -> None:
    seconds = iter((0.0, 10.0))
    share = CpuShare(wall=lambda: next(seconds))
    assert sum(number * number for number in range(200_000)) > 0
    value = share.value
    assert value is not None
    assert 0 < value <= 1


@pytest.mark.parametrize(("device", "known"), [("cpu", True), ("cuda", False)])
def test_on_a_gpu_the_share_of_the_cpu_tells_nothing(device: str, known: bool) -> None:
    seconds = iter((0.0, 10.0))
    share = cpu_share_on(device, wall=lambda: next(seconds))
    assert sum(number * number for number in range(200_000)) > 0
    assert (share() is not None) == known
