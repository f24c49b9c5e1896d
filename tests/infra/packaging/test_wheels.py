"""Wheels for another machine, without what it does not load."""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path

import pydantic_core
import pytest

from infra.packaging.wheels import (
    LAMBDA,
    TRAINING_IMAGE,
    drop_debug_information,
    files_in,
    unpacked,
)


def test_a_platform_takes_wheels_for_its_glibc_and_for_older_ones():
    assert "--platform=manylinux_2_26_x86_64" in LAMBDA.choosing_wheels
    assert "--platform=manylinux_2_17_x86_64" in LAMBDA.choosing_wheels
    assert "--platform=manylinux_2_28_x86_64" not in LAMBDA.choosing_wheels
    assert "--python-version=3.12" in TRAINING_IMAGE.choosing_wheels
    assert TRAINING_IMAGE.tag == "cp312-manylinux_x86_64"


def test_a_requirement_without_a_hash_is_refused_where_hashes_are_wanted(tmp_path):
    pins = tmp_path / "pins.txt"
    pins.write_text("six==1.17.0\n")
    with pytest.raises(RuntimeError, match=r"(?s)PyTorch image.*hash"):
        unpacked(tmp_path / "cache", [pins], TRAINING_IMAGE)
    assert not files_in(tmp_path / "cache")


def test_a_library_loads_without_what_lies_behind_its_segments(tmp_path):
    whole = Path(pydantic_core._pydantic_core.__file__)
    library = tmp_path / "sub" / whole.name
    library.parent.mkdir()
    shutil.copyfile(whole, library)
    with library.open("ab") as file:
        file.write(b"debug information" * 1000)
    drop_debug_information(tmp_path)
    cut = library.read_bytes()
    assert len(cut) < whole.stat().st_size
    assert ctypes.CDLL(str(library)).PyInit__pydantic_core
    drop_debug_information(tmp_path)
    assert library.read_bytes() == cut


def test_what_is_no_elf_file_stays_whole(tmp_path):
    script = tmp_path / "linker.so"
    script.write_bytes(b"INPUT(x)" * 200_000)
    drop_debug_information(tmp_path)
    assert script.stat().st_size == 1_600_000
