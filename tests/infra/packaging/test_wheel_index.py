"""Which wheels a lock permits."""

from __future__ import annotations

import pytest

from infra.packaging.wheel_index import linux_tags, permitted, source_in, wheels_in

TAGS = linux_tags("3.11", ("x86_64",), 28)
PAGE = {
    "files": [
        {"filename": name, "hashes": {"sha256": name}}
        for name in (
            "a-1.0.tar.gz",
            "a-1.0.exe",
            "a-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
            "a-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "a-1.0-cp311-cp311-manylinux_2_34_x86_64.whl",
            "a-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
            "a-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
            "a-1.0-cp39-abi3-manylinux1_x86_64.whl",
            "a-1.0-py3-none-any.whl",
            "a-1.0.1-py3-none-any.whl",
        )
    ]
}


def test_every_wheel_that_the_interpreter_can_load_is_permitted():
    found = permitted("a", "1.0", wheels_in(PAGE, "1.0"), TAGS, best_only=False)
    assert found == [
        "a-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "a-1.0-cp39-abi3-manylinux1_x86_64.whl",
        "a-1.0-py3-none-any.whl",
    ]


def test_an_archive_takes_the_wheel_that_pip_would():
    found = permitted("a", "1", wheels_in(PAGE, "1.0"), TAGS, best_only=True)
    assert found == ["a-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"]


def test_a_version_that_would_have_to_be_built_is_refused():
    page = {"files": PAGE["files"][:1]}
    with pytest.raises(ValueError, match=r"no wheel of a 1\.0 for cp311.*pin a version that has"):
        permitted("a", "1.0", wheels_in(page, "1.0"), TAGS, best_only=False)
    assert source_in(page, "1.0") == ["a-1.0.tar.gz"]
