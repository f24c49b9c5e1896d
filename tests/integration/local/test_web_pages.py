"""A web page of another origin, in a real browser, against a running cloud."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from moto_cloud import Cloud
from restarts import serving

from infra.local.lambda_.runtime_api import PREFIX, Invocation, RuntimeApi
from serving.llama_cpp.process import LlamaServer
from tests.browser import chromium
from tests.tiny_gguf import write_tiny_gguf

ASK = """
async ({ url, mode, method, body }) => {
  try {
    const answer = await fetch(url, { mode, method, body });
    return answer.type === "opaque" ? "unread" : `read ${answer.status} ${await answer.text()}`;
  } catch (error) {
    return `failed: ${error}`;
  }
}
"""


class Page(BaseHTTPRequestHandler):
    """What a stranger serves."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>stranger</title>")

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with serving(tmp_path_factory.mktemp("state")) as running:
        running("s3").create_bucket(Bucket="letters")
        running("s3").put_object(Bucket="letters", Key="a", Body=b"a private letter")
        yield running


def test_a_page_of_another_origin_reads_writes_and_starts_nothing(
    stranger: str, cloud: Cloud, tmp_path: Path
) -> None:
    url = cloud.settings.endpoint_url
    signed = cloud("s3").generate_presigned_url("get_object", {"Bucket": "letters", "Key": "a"})
    may_put = cloud("s3").generate_presigned_url("put_object", {"Bucket": "letters", "Key": "b"})
    waiting = Invocation(b"{}", 60, "arn")
    function = RuntimeApi("127.0.0.1", lambda: None)
    function.submit(waiting)
    gguf = write_tiny_gguf(tmp_path / "model.gguf")
    try:
        with LlamaServer(gguf, ["--ctx-size", "128", "--threads", "1"]) as model:
            attempts = [
                (f"{url}/letters/a", "GET", None),
                (signed, "GET", None),
                (may_put, "PUT", "theirs"),
                (f"{url}/theirs", "PUT", None),
                (f"{url}/letters?delete", "POST", "<Delete><Object><Key>a</Key></Object></Delete>"),
                (f"{url}/moto-api/reset", "POST", ""),
                (f"http://{function.address}{PREFIX}invocation/next", "GET", None),
                (f"{model.url}/completion", "POST", '{"prompt": "a", "n_predict": 1}'),
                (f"{model.url}/props", "GET", None),
            ]
            with chromium() as browser:
                page = browser.new_page()
                page.goto(stranger)
                for address, method, body in attempts:
                    for mode in ("cors", "no-cors"):
                        asked = {"url": address, "mode": mode, "method": method, "body": body}
                        told = page.evaluate(ASK, asked)
                        assert not told.startswith("read 2"), (address, mode, told)
                        assert "letter" not in told.removeprefix("failed")
                page.close()
        assert not waiting.delivered.is_set()
    finally:
        function.close()
    kept = cloud("s3").list_objects_v2(Bucket="letters")["Contents"]
    assert [item["Key"] for item in kept] == ["a"]
    assert [bucket["Name"] for bucket in cloud("s3").list_buckets()["Buckets"]] == ["letters"]
