"""How long a sandbox lives."""

from __future__ import annotations

import threading
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


def test_of_all_idle_processes_so_many_are_kept_that_were_used_last(tmp_path: Path) -> None:
    source = "import os\ndef handler(event, context):\n    return os.getpid()\n"
    with running_cloud(tmp_path, FunctionProcesses(), max_idle_sandboxes=1) as cloud:
        for name in ("first", "second"):
            cloud.create_function(name, source)
        first, second = (cloud.invoke(name)["Payload"] for name in ("first", "second"))
        eventually(lambda: not Path(f"/proc/{first}").exists())
        assert cloud.invoke("second")["Payload"] == second


def test_what_is_more_than_this_machine_runs_at_once_waits(tmp_path: Path) -> None:
    holds = (
        "import pathlib, time\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(event)\n"
        "    (here / 'running').touch()\n"
        "    while not (here / 'go').exists(): time.sleep(0.01)\n"
        "    return time.monotonic()\n"
    )
    quick = "import time\ndef handler(event, context):\n    return time.monotonic()\n"
    ended: dict[str, float] = {}
    with running_cloud(tmp_path, FunctionProcesses(), max_invocations=1) as cloud:

        def call(name: str) -> None:
            ended[name] = cloud.invoke(name, str(tmp_path))["Payload"]

        cloud.create_function("holds", holds)
        cloud.create_function("quick", quick)
        calls = [threading.Thread(target=call, args=(name,)) for name in ("holds", "quick")]
        calls[0].start()
        eventually((tmp_path / "running").exists)
        calls[1].start()
        (tmp_path / "go").touch()
        for each in calls:
            each.join()
    assert ended["holds"] < ended["quick"]
