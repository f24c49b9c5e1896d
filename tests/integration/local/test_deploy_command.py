"""`stratos deploy` and `stratos destroy`: the built stack into an empty cloud, a run, and out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner, Result

from infra.distribution import deployed_files
from infra.local.daemon import start, stop
from infra.local.host.settings import LocalSettings
from stratos.cli import app as cli
from stratos.cli.runs import list_runs
from stratos.cli.stack import Stack
from tests.patience import eventually

ROOT = Path(__file__).parents[3]
SMALLEST = (
    b"version: 1\nname: bad\ntask: {dataset: d.jsonl, verifier: {kind: exact}}\nteachers: []\n"
)


@pytest.fixture
def empty_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings = LocalSettings(state_dir=tmp_path / "cloud")
    try:
        url = start(settings)
        for name, value in settings.client_environment(url).items():
            monkeypatch.setenv(name, value)
        yield
    finally:
        stop(settings)


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    """What an installed package has of the synthesized stack, and nothing more."""
    built, brought = ROOT / "cdk.out", tmp_path / "assembly"
    brought.mkdir()
    for name in set(deployed_files(built)):
        (brought / name).symlink_to(built / name)
    return brought


@dataclass
class Webhook:
    """An address on this machine, and what was posted to it."""

    url: str
    posts: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    class Listening(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the secret is in the path."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    found = Webhook(f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def command(*words: str | Path, typed: str = "") -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words], input=typed)


def buckets() -> list[str]:
    return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]


def stacks() -> list[str]:
    return [
        stack["StackName"] for stack in boto3.client("cloudformation").describe_stacks()["Stacks"]
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("empty_cloud")
def test_a_built_stack_is_shown_deployed_used_and_removed_without_a_trace(
    assembly: Path, webhook: Webhook
) -> None:
    shown = command("deploy", "--assembly", assembly, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "account 123456789012 at http://127.0.0.1" in shown.output
    assert "AWS::StepFunctions::StateMachine" in shown.output
    assert (stacks(), buckets()) == ([], [])

    made = command("deploy", "--assembly", assembly, "--yes")
    assert made.exit_code == 0, made.output
    assert "Stratos is CREATE_COMPLETE" in made.output
    [asset_bucket] = [name for name in buckets() if name.startswith("stratos-assets-")]
    code = boto3.client("lambda").get_function(FunctionName="stratos-parse-constraints")
    assert code["Configuration"]["State"] == "Active"

    assert command("notify", "add", webhook.url).exit_code == 0
    stack = Stack.find()
    stack.s3.put_object(Bucket=stack.bucket, Key="specs/bad/spec.yaml", Body=SMALLEST)
    [run] = eventually(lambda: [row for row in list_runs(stack) if row.finished], seconds=120)
    assert run.status == "rejected"
    told = eventually(lambda: webhook.posts[:1], seconds=60)
    assert told[0]["text"].startswith(f"Stratos: bad rejected ({run.run_id})")

    again = command("deploy", "--assembly", assembly)
    assert "nothing to change" in again.output, again.output
    changed = command("deploy", "--assembly", assembly, "--set", "EncryptTraffic=true", "--yes")
    assert "Stratos is UPDATE_COMPLETE" in changed.output, changed.output

    kept = command("destroy", typed="stratos\n")
    assert (kept.exit_code, "nothing was deleted" in kept.output) == (1, True), kept.output
    assert stacks() == ["Stratos"]
    gone = command("destroy", "--data", typed="Stratos\n")
    assert gone.exit_code == 0, gone.output
    assert f"deleted bucket {asset_bucket}" in gone.output
    assert "deleted secret stratos-webhooks" in gone.output
    assert (stacks(), buckets()) == ([], [])
    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
    again = command("--stack", "Stratos", "destroy", "--data", "--yes")
    assert again.exit_code == 0, again.output
    assert "Stratos is deleted; what it left is to be deleted" in again.output
    assert (
        boto3.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"] == []
    )
