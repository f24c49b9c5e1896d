"""Models of the Hub, fetched by the real library from a stand-in that demands a token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stratos.spec import Weights
from tests.unit.training.hub_server import COMMIT, GOOD_TOKEN, OTHER_TOKEN, gated_hub

REPOSITORY = "org/model"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "consolidated.safetensors": b"again",
    "original/params.json": b"{}",
    "run_me.py": b"raise SystemExit",
}
PROGRAM = """
import json, logging, os, sys
from stratos.spec import Weights
from training.models import hub_folder

logging.basicConfig(level=logging.DEBUG)
def read_secret(name, field, *, named_by, host):
    assert host == "huggingface.co"
    return {("stratos/hub", "token", "hub_token_secret"): sys.argv[2]}[name, field, named_by]

hub_folder.read_secret = read_secret
weights = Weights.model_validate_json(sys.argv[1])
try:
    folder = hub_folder.folder_of_hub(weights)
    told = {"files": sorted(os.listdir(folder)), "commit": hub_folder.commit_of(weights)}
except ValueError as error:
    told = {"error": str(error)}
print(json.dumps(told))
"""


class Hub:
    """The stand-in, and a process that fetches from it with an empty cache."""

    def __init__(self, url: str, asked: list[str], home: Path) -> None:
        self.url, self.asked, self._home = url, asked, home

    def fetch(self, token: str = "", **fields: str) -> tuple[dict[str, object], str]:
        """What the fetch came to, and all that the process wrote."""
        weights = Weights(hub=fields.pop("hub", REPOSITORY), **fields)
        environ = os.environ | {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self._home),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        environ.pop("HF_HUB_OFFLINE", None)
        command = [sys.executable, "-c", PROGRAM, weights.model_dump_json(), token]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with gated_hub(REPOSITORY, FILES) as (url, asked):
        yield Hub(url, asked, tmp_path / "home")


def test_a_gated_model_is_fetched_with_the_token_of_a_secret_and_no_copy_or_code(hub: Hub) -> None:
    told, written = hub.fetch(GOOD_TOKEN, hub_token_secret="stratos/hub")
    assert told == {"files": ["config.json", "model.safetensors"], "commit": COMMIT}
    assert GOOD_TOKEN not in written


def test_a_redirect_to_another_host_carries_no_token(hub: Hub) -> None:
    hub.fetch(GOOD_TOKEN, hub_token_secret="stratos/hub")
    assert [path for path in hub.asked if path.startswith("elsewhere")] == [
        "elsewhere /model.safetensors None"
    ]


def test_without_a_secret_a_login_that_is_saved_on_the_machine_is_not_used(
    hub: Hub, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "token").write_text(GOOD_TOKEN)
    told, _ = hub.fetch()
    assert "does not give org/model without a token (HTTP 401)" in str(told["error"])


def test_a_named_commit_is_fetched_without_looking_for_another(hub: Hub) -> None:
    told, _ = hub.fetch(GOOD_TOKEN, hub_token_secret="stratos/hub", revision=COMMIT)
    assert told["commit"] == COMMIT
    assert not any("/revision/" in path for path in hub.asked)


@pytest.mark.parametrize(
    ("token", "fields", "message"),
    [
        ("", {}, "does not give org/model without a token (HTTP 401): it is gated"),
        (
            OTHER_TOKEN,
            {"hub_token_secret": "stratos/hub"},
            "with the token of the secret 'stratos/hub' (HTTP 403): it is gated",
        ),
        ("", {"revision": "v9"}, "org/model has no revision 'v9'"),
        ("", {"hub": "org/none"}, "does not give org/none without a token (HTTP 401)"),
    ],
)
def test_what_the_hub_refuses_is_told_with_what_to_do_and_without_the_token(
    hub: Hub, token: str, fields: dict[str, str], message: str
) -> None:
    told, written = hub.fetch(token, **fields)
    assert message in str(told["error"])
    assert OTHER_TOKEN not in written


def test_a_hub_out_of_reach_is_told(tmp_path: Path) -> None:
    hub = Hub("http://127.0.0.1:9", [], tmp_path)
    assert "org/model could not be fetched from the Hub" in str(hub.fetch()[0]["error"])
