"""What `make audit` comes to."""

from __future__ import annotations

import pytest

from infra.packaging.audit import ADVISORIES, NONE_KNOWN, NOT_AUDITED, audit, verdict

SOUND = {"name": "a", "version": "1", "vulns": []}
FAULTY = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


def test_packages_without_an_advisory_pass():
    assert verdict({"dependencies": [SOUND]}) == (
        NONE_KNOWN,
        "1 packages, of which no advisory is known.",
    )


def test_an_advisory_is_told_with_the_version_that_mends_it():
    code, told = verdict({"dependencies": [SOUND, FAULTY, FAULTY]})
    assert code == ADVISORIES
    assert told.splitlines()[:-1] == ["b 2: PYSEC-1, mended in 3"]


def test_a_package_that_was_skipped_is_no_audit():
    code, told = verdict({"dependencies": [FAULTY, SKIPPED]})
    assert code == NOT_AUDITED
    assert "b 2: PYSEC-1" in told
    assert "1 of 2 packages were not audited, such as c: Dependency not found" in told


def test_a_service_that_cannot_be_reached_is_no_audit(tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens on the port "discard"
    lock = tmp_path / "a.lock"
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    code, told = audit([lock])
    assert code == NOT_AUDITED
    assert "Nothing was audited" in told
    assert "Give the command again where the package index answers" in told


@pytest.mark.parametrize("report", [{"dependencies": []}])
def test_nothing_to_audit_is_told_as_such(report):
    assert verdict(report)[1].startswith("0 packages")
