"""What the topic tells is posted to every webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Barrier, Thread
from typing import Any

import pytest

from lambdas.handlers import tell_webhooks
from stratos.errors import WebhooksFailed
from tests.unit.lambdas.conftest import Account


@dataclass
class Listener:
    """An address that answers with a status."""

    url: str
    status: int
    posts: list[dict[str, Any]] = field(default_factory=list)
    location: str = ""
    """Where it sends those who ask."""


@pytest.fixture
def listen() -> Iterator[Any]:
    servers = []

    def start(status: int = 200) -> Listener:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                found.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                if found.location:
                    self.send_header("Location", found.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing in a test's output."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        found = Listener(f"http://127.0.0.1:{server.server_port}/s3cr3t-path", status)
        Thread(target=server.serve_forever, daemon=True).start()
        return found

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def keep(account: Account, *urls: str) -> None:
    account.client("secretsmanager").create_secret(
        Name="stratos-webhooks", SecretString=json.dumps({"urls": urls})
    )


def tell(subject: str | None = "Stratos: r ended", message: str = "why") -> dict[str, Any]:
    """Call it as SNS does."""
    told = {"Type": "Notification", "Message": message, "Subject": subject, "MessageId": "1"}
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": told}
    return tell_webhooks.handler({"Records": [record]}, None)


def test_every_webhook_gets_a_post_that_slack_reads(account: Account, listen: Any) -> None:
    first, second = listen(), listen()
    keep(account, first.url, second.url)
    assert tell() == {"told": 2, "failed": 0}
    [post] = first.posts
    assert post == {
        "text": "Stratos: r ended\nwhy",
        "subject": "Stratos: r ended",
        "message": "why",
    }
    assert second.posts == [post]


def test_without_webhooks_nothing_is_posted(account: Account) -> None:
    assert tell() == {"told": 0, "failed": 0}
    keep(account, "https://example.com/x")
    account.client("secretsmanager").delete_secret(SecretId="stratos-webhooks")
    assert tell() == {"told": 0, "failed": 0}


def test_one_that_fails_keeps_nothing_from_the_others_and_is_not_logged(
    account: Account, listen: Any, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = listen(), listen(500)
    keep(account, bad.url, good.url, "http://127.0.0.1:1/s3cr3t-path")
    assert tell() == {"told": 1, "failed": 2}
    assert len(good.posts) == 1
    logged = [vars(one) for one in caplog.records if one.getMessage() == "webhook failed"]
    assert {one["said"] for one in logged} == {500, "URLError"}
    assert "s3cr3t" not in str(logged)


def test_if_none_takes_it_lambda_is_to_call_again(account: Account, listen: Any) -> None:
    keep(account, listen(404).url)
    with pytest.raises(WebhooksFailed, match="none of 1 webhooks"):
        tell()


def test_an_alarm_is_told_in_its_words(account: Account, listen: Any) -> None:
    found = listen()
    keep(account, found.url)
    alarm = {"AlarmDescription": "A run failed", "NewStateReason": "Threshold crossed"}
    tell("ALARM: RunsFailed", json.dumps(alarm | {"AWSAccountId": "1"}))
    assert found.posts[0]["message"] == "A run failed\nThreshold crossed"


def test_a_notice_may_be_json_of_another_kind(account: Account, listen: Any) -> None:
    found = listen()
    keep(account, found.url)
    tell(None, "[1]")
    assert found.posts[0]["text"] == "Stratos\n[1]"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_is_a_failure(
    account: Account, listen: Any, status: int
) -> None:
    named, other = listen(status), listen()
    named.location = other.url
    keep(account, named.url)
    with pytest.raises(WebhooksFailed, match="none of 1 webhooks"):
        tell()
    assert len(named.posts) == 1
    assert other.posts == []


@pytest.mark.parametrize("odd", ["https://127.0.0.1/\u00fc", "https://a..b/x"])
def test_an_address_that_cannot_be_asked_keeps_nothing_from_the_others(
    account: Account, listen: Any, odd: str
) -> None:
    good = listen()
    keep(account, odd, good.url)
    assert tell() == {"told": 1, "failed": 1}


def test_all_are_asked_at_once(
    account: Account, listen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answers only once all of them were asked."""
    together = Barrier(12, timeout=60)

    def wait(url: str, post: Any) -> bool:
        together.wait()
        return True

    monkeypatch.setattr("lambdas.aws.webhooks.tell", wait)
    keep(account, *(f"https://example.com/{number}" for number in range(12)))
    assert tell() == {"told": 12, "failed": 0}
