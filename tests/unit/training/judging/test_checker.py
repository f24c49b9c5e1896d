"""The user's own check of rationales: read from its channel, and what its failures come to."""

import logging
from pathlib import Path

import pytest

from stratos.errors import CheckerFailed
from training.judging import checker as rules
from training.judging.checker import load_checker
from training.judging.checker_worker import CheckerLimits


def write(folder, *lines, name="checker.py"):
    (folder / name).write_text("\n".join(lines))
    return folder


def test_a_checker_is_found_by_its_name_or_as_the_only_file(tmp_path):
    write(tmp_path, "def check(question, answer, rationale): return ['mine']", name="mine.py")
    assert load_checker(tmp_path)("q", "a", "r") == ["mine"]
    write(tmp_path, "def check(question, answer, rationale): return [answer]")
    assert load_checker(tmp_path)("q", "a", "r") == ["a"]


def test_a_channel_without_a_checker_says_what_it_holds(tmp_path):
    for name in ("one.py", "other.py"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"holds \['one.py', 'other.py'\]; expected checker.py"):
        load_checker(tmp_path)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("check = 'no function'", r"checker.py defines no function `check`"),
        ("def check(:", r"cannot be loaded: SyntaxError: invalid syntax \(checker.py, line 1\)"),
        ("\nimport nowhere", r"No module named 'nowhere' \(checker.py, line 2\); jobs have the"),
        ("open('/etc/passwd')", r"PermissionError: .*\(checker.py, line 1\); it has no files"),
        ("import os\nos._exit(0)", r"cannot be loaded: it ended its process, with exit code 0"),
        ("raise ValueError('a\\nb')", r"ValueError: a b \(checker.py, line 1\)"),
        ("'" + "x" * 2**20 + "'", r"checker.py has 1,048,578 bytes; a checker has at most"),
    ],
    ids=["no function", "no Python", "no module", "reads", "ends", "raises", "too long"],
)
def test_a_file_that_cannot_be_loaded_says_why(tmp_path, source, told):
    with pytest.raises(CheckerFailed, match=told):
        load_checker(write(tmp_path, source))


def test_a_rationale_at_which_a_checker_fails_is_rejected_and_the_next_is_checked(tmp_path, caplog):
    lines = ("import os", "def check(question, answer, rationale):", "    return eval(rationale)")
    check = load_checker(write(tmp_path, *lines))
    with caplog.at_level(logging.WARNING):
        found = [check("q", "a", text) for text in ("[]", "{}['x']", "os._exit(1)", "None", "[q]")]
    assert found == [
        [],
        ["it failed with KeyError"],
        ["it ended its process, with exit code 1"],
        ["it failed with TypeError"],
        ["it failed with NameError"],
    ]
    assert check("q", "a", "[answer, 7]") == ["a", "7"]
    assert "check returned NoneType; a list of texts is needed" in caplog.text
    assert "KeyError: 'x' (checker.py, line 1)" not in caplog.text  # eval has a file of its own
    assert "KeyError: 'x' (checker.py, line 3)" in caplog.text


def test_a_checker_that_fails_time_after_time_ends_the_job(tmp_path):
    check = load_checker(write(tmp_path, "def check(question, answer, rationale): return 1 / 0"))
    for _ in range(rules.FAILURES_IN_A_ROW - 1):
        assert check("q", "a", "r") == ["it failed with ZeroDivisionError"]
    with pytest.raises(CheckerFailed, match=r"failed at 20 rationales in a row; the last: ZeroDiv"):
        check("q", "a", "r")


def test_a_checker_whose_process_must_be_ended_again_and_again_ends_the_job(tmp_path, monkeypatch):
    ends = write(tmp_path, "import os", "def check(question, *_): return eval(question)")
    check = load_checker(ends)
    for _ in range(rules.ENDS_IN_A_ROW - 1):
        check("os._exit(2)", "a", "r")
    with pytest.raises(CheckerFailed, match=r"3 rationales in a row; the last: it ended its proce"):
        check("os._exit(2)", "a", "r")
    monkeypatch.setattr(rules, "ENDS", 2)
    check = load_checker(ends)
    check("os._exit(2)", "a", "r")
    assert check("[]", "a", "r") == []
    with pytest.raises(CheckerFailed, match="2 rationales, and was started anew 2 times"):
        check("os._exit(2)", "a", "r")


def test_the_log_says_under_what_a_checker_runs(tmp_path, caplog):
    source = write(tmp_path, "def check(question, answer, rationale): return []")
    with caplog.at_level(logging.INFO):
        load_checker(source, CheckerLimits(cpu_seconds=2.5))
    assert "no files, network, threads or other processes (seccomp); 2.5 s of" in caplog.text


def test_a_stranger_writes_one_line_into_a_log(tmp_path, caplog):
    told = "raise ValueError('one\\x1b[31m\\r\\ntwo' + 'x' * 10_000)"
    check = load_checker(write(tmp_path, f"def check(question, answer, rationale): {told}"))
    check("q", "a", "r")
    (record,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 600


def test_the_page_says_what_a_checker_has():
    page = (Path(__file__).parents[4] / "docs" / "objectives.md").read_text(encoding="utf-8")
    table = page.partition("### The checker\n")[2].partition("### ")[0]
    limits = rules.LIMITS
    for told in (
        f"{limits.cpu_seconds:g} s of computing for a rationale",
        f"{limits.start_cpu_seconds:g} s to be loaded",
        f"{limits.seconds:g} s in all to answer",
        f"{limits.memory_bytes // 2**30} GiB of address space",
        f"{limits.reply_bytes // 2**10} KiB for a reply",
        f"After {rules.FAILURES_IN_A_ROW} failures in a row, {rules.ENDS_IN_A_ROW} processes in a "
        f"row that had to be ended, or {rules.ENDS} in all",
    ):
        assert told in " ".join(table.split())


def test_files_beside_the_job_are_no_modules_of_a_checker(tmp_path, monkeypatch):
    beside = tmp_path / "input" / "data"
    beside.mkdir(parents=True)
    source = write(tmp_path, "import input.data.stranger", "import stranger")
    for folder in (tmp_path, beside):
        (folder / "stranger.py").write_text("FOUND = open('/etc/passwd').read()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))  # as `python -m` does with its working folder
    monkeypatch.setenv("PYTHONPATH", ".")
    with pytest.raises(CheckerFailed, match="No module named 'input'"):
        load_checker(source)


def test_a_folder_that_is_no_package_is_not_imported_before_a_checker_is_confined(
    tmp_path, monkeypatch
):
    (tmp_path / "code" / "data").mkdir(parents=True)
    (tmp_path / "code" / "data" / "stranger.py").write_text("open('/etc/passwd')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    with pytest.raises(CheckerFailed, match=r"No module named 'data'"):
        load_checker(write(tmp_path, "import data.stranger"))
