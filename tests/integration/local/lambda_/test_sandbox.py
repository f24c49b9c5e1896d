"""A sandbox: warm for the next invocation, and ended when the function ends badly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from moto_cloud import ECHO, Cloud


def test_a_warm_process_serves_the_next_invocation(cloud: Cloud) -> None:
    source = (
        "import os\ncount = 0\n"
        "def handler(event, context):\n"
        "    global count\n    count += 1\n    return [os.getpid(), count]\n"
    )
    cloud.create_function("warm", source)
    first, second = (cloud.invoke("warm")["Payload"] for _ in range(2))
    assert first == [second[0], 1]
    assert second[1] == 2


def test_an_exception_is_an_unhandled_function_error_with_its_trace(cloud: Cloud) -> None:
    source = (
        "class SpecRejected(Exception): pass\n"
        "def handler(event, context):\n    raise SpecRejected('no dataset')\n"
    )
    cloud.create_function("raising", source)
    response = cloud.invoke("raising", {})
    assert response["FunctionError"] == "Unhandled"
    assert response["Payload"]["errorType"] == "SpecRejected"
    assert response["Payload"]["errorMessage"] == "no dataset"
    assert "raise SpecRejected" in response["Payload"]["stackTrace"][0]


@pytest.mark.parametrize(
    ("name", "module", "error_type"),
    [
        ("failing-import", "1 / 0\n" + ECHO, "ZeroDivisionError"),
        ("exiting-import", "import os\nos._exit(1)\n" + ECHO, "Runtime.ExitError"),
        ("malformed", "def handler(:\n", "Runtime.UserCodeSyntaxError"),
        ("handlerless", "def other(event, context): ...\n", "Runtime.HandlerNotFound"),
    ],
)
def test_a_package_that_does_not_come_up_fails_every_invocation(
    cloud: Cloud, name: str, module: str, error_type: str
) -> None:
    cloud.create_function(name, module)
    responses = [cloud.invoke(name, {}) for _ in range(2)]
    assert [r["FunctionError"] for r in responses] == ["Unhandled"] * 2
    assert [r["Payload"]["errorType"] for r in responses] == [error_type] * 2


def test_a_function_past_its_timeout_is_killed_and_the_next_invocation_is_fresh(
    cloud: Cloud, tmp_path: Path
) -> None:
    source = (
        "import os, pathlib, time\n"
        "def handler(event, context):\n"
        "    if event['sleep']:\n"
        "        pathlib.Path(event['pid_file']).write_text(str(os.getpid()))\n"
        "        time.sleep(60)\n"
        "    return 'awake'\n"
    )
    cloud.create_function("slow", source, Timeout=1)
    pid_file = tmp_path / "pid"
    response = cloud.invoke("slow", {"sleep": True, "pid_file": str(pid_file)})
    assert response["FunctionError"] == "Unhandled"
    assert response["Payload"]["errorType"] == "Sandbox.Timedout"
    assert response["Payload"]["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert not Path(f"/proc/{pid_file.read_text()}").exists()
    assert cloud.invoke("slow", {"sleep": False})["Payload"] == "awake"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    ],
)
def test_a_process_that_ends_under_its_request_is_an_exit_error(
    cloud: Cloud, statement: str, message: str
) -> None:
    name = f"crash-{message.split()[-1]}"
    cloud.create_function(name, f"import os\ndef handler(event, context):\n    {statement}\n")
    response = cloud.invoke(name, {})
    assert response["FunctionError"] == "Unhandled"
    assert response["Payload"]["errorType"] == "Runtime.ExitError"
    assert response["Payload"]["errorMessage"].endswith(f"Error: {message}")


def test_parallel_invocations_run_side_by_side(cloud: Cloud, tmp_path: Path) -> None:
    # Each waits until all three are running, which one process could never see.
    source = (
        "import os, pathlib, time\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(event)\n"
        "    (here / str(os.getpid())).touch()\n"
        "    while len(list(here.iterdir())) < 3: time.sleep(0.01)\n"
        "    return os.getpid()\n"
    )
    cloud.create_function("parallel", source)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: cloud.invoke("parallel", str(tmp_path)), range(3)))
    assert len({result["Payload"] for result in results}) == 3
