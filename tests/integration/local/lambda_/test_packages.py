"""Deployment packages are files."""

from __future__ import annotations

import gc
from pathlib import Path

from moto.awslambda.models import LambdaFunction
from moto_cloud import ECHO, package, running_cloud

from infra.local.lambda_.function_processes import FunctionProcesses
from infra.local.lambda_.packages import Packages


def test_functions_of_one_package_share_a_file_and_hold_no_bytes(tmp_path: Path) -> None:
    with running_cloud(tmp_path, FunctionProcesses()) as cloud:
        # Packed once: a zip holds the time at which it was packed.
        code = {"ZipFile": package({"app.py": ECHO})}
        for name in ("one", "two"):
            cloud.create_function(name, ECHO, Code=code)
        cloud.create_function("three", ECHO + "# other\n")
        packages = list((tmp_path / "functions" / "packages").iterdir())
        assert len(packages) == 2
        assert all(path.read_bytes().startswith(b"PK") for path in packages)
        assert cloud.invoke("two", {"n": 1})["Payload"] == {"n": 1}
    assert not hasattr(LambdaFunction, "code_bytes")


def test_a_package_goes_with_the_last_function_that_has_it(tmp_path: Path) -> None:
    folder = tmp_path / "functions" / "packages"
    folder.mkdir(parents=True)
    (folder / "of-a-cloud-before").write_bytes(b"PK")
    old, new = ({"ZipFile": package({"app.py": ECHO + extra})} for extra in ("", "# new\n"))
    with running_cloud(tmp_path, FunctionProcesses()) as cloud:
        for name in ("one", "two"):
            cloud.create_function(name, ECHO, Code=old)
        (first,) = folder.iterdir()
        cloud("lambda").update_function_code(FunctionName="one", **new)
        assert len(list(folder.iterdir())) == 2
        cloud("lambda").delete_function(FunctionName="two")
        gc.collect()
        (second,) = folder.iterdir()
        assert second != first
        assert cloud.invoke("one", {"n": 1})["Payload"] == {"n": 1}
        second.unlink()
        assert cloud.invoke("one", {"n": 2})["Payload"] == {"n": 2}  # unpacked, it is not read


def test_what_is_collected_late_leaves_the_packages_of_the_next_cloud(tmp_path: Path) -> None:
    first = Packages(tmp_path)
    held = [first.keep(b"code")]
    first.close()
    again = Packages(tmp_path).keep(b"code")
    held.clear()
    gc.collect()
    assert again.path.read_bytes() == b"code"
