"""The user's own check of rationales: read from its channel, and what its failures come to."""

import logging
from pathlib import Path

import pytest

from stratos.errors import CheckerFailed
from training.judging import checker as rules
from training.judging.checker import load_checker
from training.judging.checker_worker import CheckerLimits, CheckerReply, WorkerEnded


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


def test_a_checker_that_fails_at_question_after_question_ends_the_job(tmp_path):
    check = load_checker(write(tmp_path, "def check(question, answer, rationale): return 1 / 0"))
    for number in range(rules.FAILURES_IN_A_ROW - 1):
        assert check(f"q{number}", "a", "r") == ["it failed with ZeroDivisionError"]
    with pytest.raises(CheckerFailed, match=r"failed at 20 questions in a row; the last: ZeroDiv"):
        check("another", "a", "r")


class ScriptedWorker:
    """Answers by the rationale: no problem, an exception, or the end of the process."""

    def __init__(self, *_):
        self.greeting = CheckerReply(call=0, problems=())

    def ask(self, _question, _answer, rationale):
        if rationale == "ends":
            raise WorkerEnded("computed for more than 5 s")
        if rationale == "fails":
            return CheckerReply(call=1, failed="KeyError", told="KeyError: 1")
        return CheckerReply(call=1, problems=())

    def close(self):
        pass


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "CheckerWorker", ScriptedWorker)
    return load_checker(write(tmp_path, "def check(question, answer, rationale): return []"))


def test_a_checker_whose_process_must_be_ended_at_one_question_after_the_other_ends_the_job(
    scripted,
):
    for number in range(rules.ENDS_IN_A_ROW - 1):
        scripted(f"q{number}", "a", "ends")
    with pytest.raises(CheckerFailed, match=r"3 questions in a row; the last: it computed for mo"):
        scripted("another", "a", "ends")


@pytest.mark.parametrize("comes_to", ["ends", "fails"])
def test_one_hard_question_does_not_end_the_job_however_many_elements_it_has(scripted, comes_to):
    scripted("easy", "a", "r")
    for number in range(rules.ENDS - 1):
        assert scripted("hard", f"element {number}", comes_to)
    assert scripted("easy", "a", "r") == []


def test_processes_that_must_be_ended_end_the_job_if_they_are_many_of_all(scripted):
    for _ in range(rules.ENDS - 1):
        scripted("q", "a", "r")
        scripted("q", "a", "ends")
    with pytest.raises(CheckerFailed, match="20 of 39 rationales, and was started anew 20 times"):
        scripted("q", "a", "ends")


def test_one_rationale_in_thousands_that_takes_too_long_does_not_end_a_long_job(scripted):
    for number in range(60_000):
        scripted("q", "a", "r" if number % 3_000 else "ends")
    assert scripted("q", "a", "ends")


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
        f"After failures at {rules.FAILURES_IN_A_ROW} questions in a row, or processes that had to "
        f"be ended at {rules.ENDS_IN_A_ROW} in a row",
        f"{rules.ENDS} such processes that are more than {rules.ENDS_SHARE:.0%} of the rationales",
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
