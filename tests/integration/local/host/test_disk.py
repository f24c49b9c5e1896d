"""A disk that is full, in words."""

from __future__ import annotations

import errno

import pytest

from infra.local.host.disk import full_words, is_full


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_or_a_quota_that_is_full_is_told_from_other_errors(number):
    assert is_full(OSError(number, "told"))
    assert not is_full(OSError(errno.EACCES, "told"))


def test_the_words_name_the_folder_what_is_left_and_what_to_do(tmp_path):
    told = full_words(tmp_path)
    assert str(tmp_path) in told
    assert "MiB left" in told
    assert "Free some space" in told
    assert "not to be looked at" in full_words(tmp_path / "gone")
