"""What is allowed, and where else there is somebody to ask."""

from __future__ import annotations

import pytest

from stratos.ui.settings import UiSettings


def test_nothing_is_allowed_that_is_not_said():
    assert UiSettings() == UiSettings(allow_writes=False, teacher_url=None, untuned_url=None)


@pytest.mark.parametrize("url", ["", "localhost:8080", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="is no URL"):
        UiSettings(teacher_url=url)
    with pytest.raises(ValueError, match="is no URL"):
        UiSettings(untuned_url=url)
