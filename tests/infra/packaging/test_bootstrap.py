"""Which build of torch a clone gets, and what is told when there is none. pip is a script here."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.packaging import bootstrap

NOT_THERE = "ERROR: No matching distribution found for torch==2.13.0+cpu"
OTHER_CONTENT = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install with a pip that fails at a lock in these words; returns what it was asked for."""

    def run(lock: Path | None = None, words: str = "") -> list[str]:
        python = tmp_path / "bin" / "python"
        python.parent.mkdir()
        python.write_text(
            f"""#!/bin/sh
echo "$*" >> {tmp_path}/asked
case "$*" in *"{lock}"*) echo "{words}" >&2; exit 1;; esac
"""
        )
        python.chmod(0o755)
        monkeypatch.setattr(bootstrap, "VENV", tmp_path)
        bootstrap.install()
        asked = (tmp_path / "asked").read_text().splitlines()
        assert all("--require-hashes" in line for line in asked[:-1])
        return [line.split("--quiet")[0].split()[-1] for line in asked]

    return run


CPU, LOCK, CUDA, ROOT = (
    str(path) for path in (bootstrap.CPU_LOCK, bootstrap.LOCK, bootstrap.CUDA_LOCK, bootstrap.ROOT)
)


def test_the_cpu_build_of_torch_is_taken_where_pip_finds_it(installed, capfd):
    assert installed(Path("no such lock")) == [CPU, LOCK, ROOT]
    assert capfd.readouterr() == ("", "")


def test_where_pip_finds_none_the_build_for_cuda_is_fetched_and_told(installed, capfd):
    assert installed(bootstrap.CPU_LOCK, NOT_THERE) == [CPU, LOCK, CUDA, ROOT]
    assert capfd.readouterr().out == (
        "pip finds no CPU build of torch here, so the build for CUDA is fetched: gigabytes\n"
    )


def test_any_other_failure_ends_the_installation_in_pips_words(installed, tmp_path):
    with pytest.raises(SystemExit, match=f"requirements-cpu.lock:\n{OTHER_CONTENT}"):
        installed(bootstrap.CPU_LOCK, OTHER_CONTENT)
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_a_lock_that_cannot_be_installed_is_named(installed, capfd):
    with pytest.raises(SystemExit, match=r"pip could not install requirements\.lock"):
        installed(bootstrap.LOCK, OTHER_CONTENT)
    assert OTHER_CONTENT in capfd.readouterr().err
