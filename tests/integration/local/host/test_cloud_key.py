"""A cloud's key: made once, kept from others, and all credentials follow from it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

from infra.local.host.cloud_key import CloudKey


def test_a_state_directory_has_one_key_however_many_ask_for_it_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(CloudKey.of, [tmp_path] * 32))
    assert keys == {CloudKey.of(tmp_path)}
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_clouds_have_nothing_in_common(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = (CloudKey.of(tmp_path / name) for name in ("one", "two"))
    assert one.owner != two.owner
    assert one.credentials("ASIA", "text") != two.credentials("ASIA", "text")


def test_neither_a_key_nor_credentials_show_what_is_secret():
    key = CloudKey.random()
    shown = f"{key!r} {key.owner!r}"
    assert key.secret.hex() not in shown
    assert repr(key.secret) not in shown
    assert key.owner.secret_key not in shown
