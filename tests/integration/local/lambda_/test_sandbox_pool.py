"""How long a sandbox lives."""

from __future__ import annotations

from pathlib import Path

from moto.awslambda.models import LambdaFunction
from moto_cloud import running_cloud

from infra.local.lambda_.function_processes import FunctionProcesses
from tests.patience import eventually


def test_idle_processes_are_ended_and_closing_leaves_none(tmp_path: Path) -> None:
    original = LambdaFunction.invoke
    source = "import os\ndef handler(event, context):\n    return os.getpid()\n"
    with running_cloud(tmp_path, FunctionProcesses(), lambda_idle_seconds=0.2) as cloud:
        cloud.create_function("idle", source)
        pid = cloud.invoke("idle")["Payload"]
        eventually(lambda: not Path(f"/proc/{pid}").exists())
        last = cloud.invoke("idle")["Payload"]
    assert not Path(f"/proc/{last}").exists()
    assert LambdaFunction.invoke is original
    assert list((tmp_path / "functions" / "sandboxes").iterdir()) == []
