import pytest

from training.container.driver import compat_libraries

PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Thu Jan  1 00:00:00 UTC 2026\n"
    "GCC version:  gcc version 11.5.0 20240719 (Red Hat 11.5.0-5) (GCC)\n"
)
OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (builder@host)\n"
    "GCC version:  gcc version 11.5.0 20240719 (Red Hat 11.5.0-5) (GCC)\n"
)


def server(root, driver=None, library=None):
    """A root folder with a driver and with an image's libraries, each if it has a version."""
    if driver is not None:
        told = root / "proc" / "driver" / "nvidia"
        told.mkdir(parents=True)
        (told / "version").write_text(driver)
    folder = root / "usr" / "local" / "cuda" / "compat"
    if library is not None:
        folder.mkdir(parents=True)
        (folder / f"libcuda.so.{library}").touch()
        (folder / "libcuda.so.1").symlink_to(f"libcuda.so.{library}")
    return folder


@pytest.mark.parametrize("words", [PROPRIETARY, OPEN])
@pytest.mark.parametrize(
    ("driver", "needed"),
    [("550.163.01", True), ("595.9.7", True), ("595.45.04", False), ("600.1", False)],
)
def test_the_libraries_are_for_a_driver_that_is_older_than_they_are(
    tmp_path, words, driver, needed
):
    folder = server(tmp_path, words.format(driver), "595.45.04")
    assert compat_libraries(tmp_path) == (folder if needed else None)


@pytest.mark.parametrize(
    ("driver", "library"),
    [
        (None, None),
        (None, "595.45.04"),
        (OPEN.format("550.163.01"), None),
        ("no driver that we know\n", "595.45.04"),
        (OPEN.format("550.163.01"), "unnumbered"),
    ],
)
def test_without_a_gpu_or_libraries_nothing_is_added(tmp_path, driver, library):
    server(tmp_path, driver, library)
    assert compat_libraries(tmp_path) is None
