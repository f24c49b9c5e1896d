"""The switch for measuring what judging costs."""

from __future__ import annotations

import pytest
from judged_cloud import client_as, judged_cloud, make_role


def test_nothing_is_judged_where_the_settings_say_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with judged_cloud(tmp_path_factory.mktemp("open"), iam=False) as open_cloud:
        role = make_role(open_cloud, "anybody", "lambda")
        assert client_as(open_cloud, role, "s3").list_buckets()["Buckets"] == []
