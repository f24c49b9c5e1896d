"""A checker's process: what it cannot do, and what its requests and replies are held to."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.unit.training.judging.hostile_checkers import PATIENT, SOURCES
from training.judging.checker_worker import CheckerLimits, CheckerWorker, WorkerEnded

REFUSED = ["it failed with PermissionError"]
CAME_OF = dict.fromkeys(SOURCES, REFUSED) | {
    "start a thread": ["it failed with RuntimeError"],
    "print without end": ["it computed for more than 0.2 s"],
    "write without end": ["it wrote more than 256 KiB"],
    "compute without end": ["it computed for more than 0.2 s"],
    "sleep on, deaf to SIGTERM": ["it did not answer within 0.3 s"],
    "allocate without end": ["it failed with MemoryError"],
    "end its process": ["it ended its process, with exit code 3"],
    "crash": ["it was ended by SIGSEGV"],
    "answer twice": ["it wrote what it was not asked for"],
}


@pytest.fixture(scope="module")
def tried():
    """What came of every hostile checker under a user without privileges or namespaces."""
    command = [sys.executable, "-m", "tests.unit.training.judging.hostile_checkers"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", sorted(SOURCES.keys() - {"read the job's environment"}))
def test_a_checker_cannot(tried, name):
    assert tried["outcomes"][name] == CAME_OF[name]


def test_a_checker_finds_nothing_of_the_jobs_environment(tried):
    found = tried["outcomes"]["read the job's environment"]
    assert "PYTHONPATH" in found
    assert not [name for name in found if name.startswith("AWS")]


def test_no_privilege_is_needed_and_no_process_is_left(tried):
    assert tried["rights"] == 0
    assert tried["children"] == []


NO_TEXTS, MORE = b'{"call": 1, "problems": 1}', b'{"call": 1, "problems": [], "more": 1}'
WRITE = "(lambda line: [os.write(4, line[at : at + 4096]) for at in range(0, len(line), 4096)])"
"""Into the pipe of replies, which is the second file that the process opens."""


def worker(body):
    source = f"import os\ndef check(question, answer, rationale):\n    {body}\n"
    return CheckerWorker("checker.py", source.encode(), PATIENT)


def test_texts_of_any_kind_and_length_arrive_whole():
    texts = "a\nb\0 \ud800 ह 🎴", "", "x" * 2**20
    asked = worker("return [repr(question), repr(answer), str(len(rationale))]").ask(*texts)
    assert asked.problems == (repr(texts[0]), "''", str(2**20))


def test_a_lone_half_of_a_character_comes_back_as_it_is_written():
    assert worker("return [question]").ask("\ud800", "", "").problems == (r"\ud800",)


def test_a_process_outlives_the_thread_that_asked_for_it():
    with ThreadPoolExecutor(1) as thread:
        started = thread.submit(worker, "return [question]").result()
    assert started.ask("still here", "", "").problems == ("still here",)


def test_what_a_checker_prints_is_no_reply():
    assert worker("print('{}'); return [input() if 0 else 'x']").ask("", "", "").problems == ("x",)


@pytest.mark.parametrize(
    "written",
    [
        *map(repr, (b"nonsense", b"[]", b'{"call": 1}', NO_TEXTS, MORE)),
        "b'[' * 100_000",
    ],
    ids=["no JSON", "a list", "nothing", "no texts", "more", "deep"],
)
def test_a_reply_that_is_none_ends_the_process(written):
    forged = worker(f"{WRITE}({written} + bytes([10]))\n    while True: pass")
    with pytest.raises(WorkerEnded, match="wrote what is no answer"):
        forged.ask("", "", "")
    with pytest.raises(ProcessLookupError):
        os.kill(forged.pid, 0)


def test_a_process_that_closes_its_pipe_is_ended():
    silent = worker("os.closerange(3, 32)\n    while True: pass")
    with pytest.raises(WorkerEnded, match="closed its pipe"):
        silent.ask("", "", "")


def test_a_request_that_nobody_reads_does_not_hold_up_the_job():
    reply = repr(b'{"call": 1, "problems": []}\n')
    early = worker(f"os.write(4, {reply})\n    while True: pass")
    early._limits = CheckerLimits(cpu_seconds=0.2)
    assert early.ask("", "", "").problems == ()
    with pytest.raises(WorkerEnded, match="computed for more"):
        early.ask("x" * 2**20, "", "")


def test_a_reply_to_another_request_ends_the_process():
    late = repr(b'{"call": 7, "problems": []}\n')
    with pytest.raises(WorkerEnded, match="wrote what it was not asked for"):
        worker(f"os.write(4, {late})\n    while True: pass").ask("", "", "")


@pytest.mark.parametrize(("number", "name"), [(6, "SIGABRT"), (40, "signal 40")])
def test_the_signal_that_ended_a_process_is_named(number, name):
    raised = worker(f"import signal; signal.raise_signal({number})")
    with pytest.raises(WorkerEnded, match=f"was ended by {name}"):
        raised.ask("", "", "")
