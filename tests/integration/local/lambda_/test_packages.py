"""Deployment packages are files."""

from __future__ import annotations

from pathlib import Path

from moto.awslambda.models import LambdaFunction
from moto_cloud import ECHO, running_cloud

from infra.local.lambda_.function_processes import FunctionProcesses


def test_functions_of_one_package_share_a_file_and_hold_no_bytes(tmp_path: Path) -> None:
    with running_cloud(tmp_path, FunctionProcesses()) as cloud:
        for name in ("one", "two"):
            cloud.create_function(name, ECHO)
        cloud.create_function("three", ECHO + "# other\n")
        packages = list((tmp_path / "functions" / "packages").iterdir())
        assert len(packages) == 2
        assert all(path.read_bytes().startswith(b"PK") for path in packages)
        assert cloud.invoke("two", {"n": 1})["Payload"] == {"n": 1}
    assert not hasattr(LambdaFunction, "code_bytes")
