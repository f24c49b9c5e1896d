"""The memory of the machine."""

from serving import memory
from serving.memory import available_memory_bytes


def test_the_memory_that_programs_can_take_is_what_the_kernel_tells(tmp_path, monkeypatch):
    assert available_memory_bytes() > 2**20
    told = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "_MEMORY_INFO", told)
    in_all = available_memory_bytes()
    assert in_all > 2**20
    told.write_text("MemTotal:  9000 kB\nMemFree:  10 kB\nMemAvailable:    3000 kB\n")
    assert available_memory_bytes() == 3000 * 1024
