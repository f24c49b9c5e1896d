"""Uploading to a stand-in of the Hub that speaks its protocol."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest

from stratos.cli import hub
from stratos.errors import NotUploaded

FILES = {"model.safetensors": b"weights", "README.md": b"# how", "adapter/a.bin": b"a"}


class Hub:
    """A Hub with one owner, who has one token; it takes every file within the commit."""

    def __init__(self, token: str) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.visibility: dict[str, str] = {}
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Authorization") != f"Bearer {token}":
                    return self.answer(401, {"error": "Invalid username or password."})
                return self.answer(*hub.post(self.path, body))

            def do_GET(self) -> None:
                name = self.path.removeprefix("/api/models/").partition("/revision")[0]
                if name in hub.repositories:
                    self.answer(200, {"id": name, "sha": "0" * 40, "siblings": []})
                else:
                    self.answer(404, {"error": "Repository not found"})

            def answer(self, status: int, content: object) -> None:
                text = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def post(self, path: str, body: bytes) -> tuple[int, object]:
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.repositories[name], self.visibility[name] = {}, asked["visibility"]
            return 200, {"url": f"{self.url}/{name}", "id": name}
        if path.endswith("/preupload/main"):
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return 200, {"files": files}
        if path.endswith("/commit/main"):
            name = path.removeprefix("/api/models/").removesuffix("/commit/main")
            for line in body.splitlines():
                said = json.loads(line)
                if said["key"] == "file":
                    content = base64.b64decode(said["value"]["content"])
                    self.repositories[name][said["value"]["path"]] = content
            return 200, {"commitUrl": f"{self.url}/{name}/commit/1", "commitOid": "1" * 40}
        return 200, {"errors": [], "warnings": []}


@pytest.fixture
def stand_in(monkeypatch):
    found = Hub("secret")
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    monkeypatch.setattr(
        huggingface_hub, "HfApi", lambda: huggingface_hub.hf_api.HfApi(endpoint=found.url)
    )
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_every_file_arrives_in_a_repository_that_nobody_else_sees(stand_in, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert hub.push(folder, "me/tiles") == f"{stand_in.url}/me/tiles"
    assert stand_in.repositories["me/tiles"] == FILES
    assert stand_in.visibility == {"me/tiles": "private"}


def test_what_quotes_the_dataset_stays_here(stand_in, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    (folder / "report.html").write_text("questions and answers")
    (folder / "run.json").write_text("{}")
    hub.push(folder, "me/tiles")
    assert stand_in.repositories["me/tiles"] == FILES


def test_a_hub_that_does_not_answer_is_told_in_words(stand_in, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    nobody = huggingface_hub.hf_api.HfApi(endpoint="http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: nobody)
    with pytest.raises(NotUploaded, match="is complete, but me/tiles was not uploaded"):
        hub.push(folder, "me/tiles")


def test_a_refused_token_says_that_the_folder_is_complete_and_what_to_set(
    stand_in, folder, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with pytest.raises(NotUploaded, match=r"is complete, but me/tiles was not uploaded.*HF_TOKEN"):
        hub.push(folder, "me/tiles")


def test_a_name_that_the_hub_cannot_have_is_refused_before_anything_is_sent(stand_in, folder):
    with pytest.raises(NotUploaded, match="me/ti les was not uploaded"):
        hub.push(folder, "me/ti les")
    assert stand_in.repositories == {}
