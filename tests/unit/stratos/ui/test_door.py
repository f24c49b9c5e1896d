"""The address that opens once, and the cookie that stands for it."""

from __future__ import annotations

import re

from stratos.ui.door import Door


def test_a_token_opens_once_and_only_the_right_one():
    door = Door(4747)
    token = door.url.partition("token=")[2]
    assert not door.opens("another")
    assert door.opens(token)
    assert not door.opens(token)
    assert not door.opens("")


def test_the_session_is_known_by_its_cookie_alone():
    door = Door(4747)
    assert door.knows(door.session)
    assert not door.knows(None)
    assert not door.knows(Door(4747).session)
    assert not door.knows("ü")


def test_the_address_is_loopback_and_no_two_doors_have_the_same_secrets():
    one, other = Door(1), Door(1)
    assert re.fullmatch(r"http://[0-9a-f]{32}\.localhost:1/enter\?token=[\w-]{43}", one.url)
    assert one.origin != other.origin
    assert one.url.partition("token=")[2] != other.url.partition("token=")[2]
    assert one.cookie != Door(2).cookie


def test_a_name_and_the_port_of_http_are_written_as_browsers_write_them():
    assert Door(80, "127.0.0.1").url.startswith("http://127.0.0.1/enter?token=")
    assert Door(81, "127.0.0.1").authority == "127.0.0.1:81"
