"""The clients with which the embedded cloud calls itself."""

from __future__ import annotations

from infra.local.host.clients import MACHINERY, Cloud
from infra.local.host.cloud_key import Credentials


def test_a_client_is_made_once_and_of_many_sessions_the_latest_are_kept(monkeypatch):
    monkeypatch.setattr("infra.local.host.clients._KEPT", 3)
    cloud = Cloud("http://localhost:1", caller=MACHINERY)
    sessions = [Credentials("a", "b", f"session {number}") for number in range(4)]
    of_user = cloud.client("sqs")
    of_sessions = []
    for session in sessions:
        of_sessions.append(cloud.client("sqs", credentials=session))
        assert cloud.client("sqs") is of_user
    assert cloud.client("sqs", credentials=sessions[-1]) is of_sessions[-1]
    assert cloud.client("sqs", credentials=sessions[0]) is not of_sessions[0]
