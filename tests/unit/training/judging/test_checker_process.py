"""The process of a checker, started as the job starts it."""

import json
import os
import subprocess
import sys

UNCONFINED = """
from stratos.errors import CheckerFailed
from training.judging import checker_process

def refuse(*_):
    raise CheckerFailed("this system cannot confine a checker")

checker_process.{name} = refuse
checker_process.main()
"""


def talk(*lines, command=("-m", "training.judging.checker_process"), memory=2**30):
    """Everything that the process says to these lines."""
    done = subprocess.run(
        [sys.executable, "-B", *command, str(memory)],
        input="".join(json.dumps(line) + "\n" for line in lines),
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def checker(*lines):
    return {"name": "checker.py", "source": "\n".join(lines)}


def test_a_checker_keeps_what_it_has_learned_from_one_question_to_the_next():
    source = checker("seen = []", "def check(q, a, r):", "    seen.append(q)", "    return seen")
    assert talk(source, [1, "one", "", ""], [2, "two", "", ""]) == [
        {"call": 0, "problems": []},
        {"call": 1, "problems": ["one"]},
        {"call": 2, "problems": ["one", "two"]},
    ]


def test_problems_are_cut():
    (_, reply) = talk(checker("def check(*_): return ['x' * 999] * 99"), [1, "", "", ""])
    assert reply == {"call": 1, "problems": ["x" * 300] * 20}


def test_no_code_of_a_stranger_runs_where_it_cannot_be_confined(tmp_path):
    mark = tmp_path / "ran"
    source = checker(f"open({str(mark)!r}, 'w')", "def check(*_): return []")
    for name in ("leave_only_reading", "leave_only_computing"):
        told = talk(source, command=("-c", UNCONFINED.format(name=name)))
        assert told == [{"call": 0, "refused": "this system cannot confine a checker"}]
    assert not mark.exists()


def test_modules_are_there_wherever_a_checker_imports_them():
    source = checker(
        "import datetime, unicodedata",
        "from sympy import Rational, simplify",
        "def check(question, answer, rationale):",
        "    import xml.dom.minidom as dom",
        "    from email import message",
        "    day = datetime.datetime.strptime(answer, '%d.%m.%Y').day",
        "    return [str(simplify('2*x/x') + Rational(day)), dom.__name__, message.__name__]",
    )
    (_, reply) = talk(source, [1, "", "28.02.2026", ""])
    assert reply == {"call": 1, "problems": ["30", "xml.dom.minidom", "email.message"]}


def test_what_libraries_and_the_standard_library_import_late_is_there():
    source = checker(
        "import concurrent.futures, email",
        "import numpy as np",
        "def check(*_):",
        "    return [",
        "        np.random.__name__,",
        "        concurrent.futures.ThreadPoolExecutor.__name__,",
        "        email.message_from_string('to: you')['to'],",
        "        *(b'x'.decode(name) for name in ('utf-8-sig', 'cp437', 'shift_jis', 'gb18030')),",
        "    ]",
    )
    (_, reply) = talk(source, [1, "", "", ""])
    assert reply["problems"] == ["numpy.random", "ThreadPoolExecutor", "you", *"xxxx"]


def test_a_module_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("raise OSError('libbroken.so: not found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    (reply,) = talk(checker("import broken_library", "def check(*_): return []"))
    assert reply["refused"].startswith(
        "checker.py cannot be loaded: ImportError: importing broken_library failed with OSError: "
        "libbroken.so: not found (checker.py, line 1)"
    )


def test_an_exception_tells_the_line_of_the_checker_and_what_it_cannot_have():
    source = checker(
        "import json", "def check(q, a, r):", "    return json.loads(q) if q else open(a)"
    )
    (_, broken, refused) = talk(source, [1, "[", "", ""], [2, "", "/etc/passwd", ""])
    assert broken["failed"] == "JSONDecodeError"
    assert broken["told"].endswith("(checker.py, line 3)")
    assert refused["told"] == (
        "PermissionError: [Errno 1] Operation not permitted: '/etc/passwd' (checker.py, line 3); "
        "it has no files, no network, no threads and no other processes"
    )


def test_an_exception_that_cannot_be_written_is_told_by_its_name():
    source = checker(
        "class Odd(BaseException):",
        "    def __str__(self): raise self",
        "def check(*_): raise Odd",
    )
    (_, reply) = talk(source, [1, "", "", ""])
    assert reply["failed"] == "Odd"


def test_a_checker_may_set_itself_an_alarm_which_does_not_strike_at_the_next_rationale():
    source = checker(
        "import signal, time",
        "def late(*_): raise TimeoutError('too slow')",
        "signal.signal(signal.SIGALRM, late)",
        "def check(question, *_):",
        "    if question == 'left':",
        "        return [str(signal.alarm(100)), str(signal.alarm(100) > 0)]",
        "    if question == 'next':",
        "        return [str(signal.alarm(0)), str(signal.getitimer(signal.ITIMER_REAL))]",
        "    signal.setitimer(signal.ITIMER_REAL, 0.001)",
        "    while True: pass",
    )
    _, left, after, slow = talk(source, *([1, word, "", ""] for word in ("left", "next", "slow")))
    assert left["problems"] == ["0", "True"]
    assert after["problems"] == ["0", "(0.0, 0.0)"]
    assert slow["told"] == "TimeoutError: too slow (checker.py, line 2)"


def test_too_little_memory_is_said():
    source = checker("def check(size, *_): return [str(len(bytearray(int(size))))]")
    asked = ([number, str(size), "", ""] for number, size in enumerate((2**27, 2**29), 1))
    (_, enough, reply) = talk(source, *asked, memory=2**28)
    assert enough["problems"] == [str(2**27)]
    assert reply["told"] == "MemoryError (checker.py, line 1); it has only so much memory"
