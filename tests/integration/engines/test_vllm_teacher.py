"""The teacher that jobs open in vLLM, for real: pretrained weights, on this machine's CPU."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from benchmarks.real_weights import smollm2
from stratos.contracts.messages import Message
from tests.integration.engines.engine_processes import ROOT, VLLM_PYTHON
from training.models.weights import load_model
from training.teachers.teacher import Request
from training.teachers.weights import WeightsTeacher

pytestmark = pytest.mark.vllm

THINGS = ("a lamp", "an old map", "a ladder", "bread", "a river", "a coat", "a clock")
QUESTIONS = [
    f"{ask} {thing}?" for ask in ("What is", "Who would use", "Where is") for thing in THINGS
][:20]
SEED, MAX_NEW_TOKENS = 2**31 + 5, 24


@pytest.fixture(scope="module")
def source():
    return smollm2()


def asked_of_vllm(source, folder, requests):
    answers = folder / "answers.json"
    asked = {"source": str(source), "seed": SEED, "requests": requests, "answers": str(answers)}
    variables = {"VLLM_CPU_KVCACHE_SPACE": "1", "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    script = ROOT / "tests" / "integration" / "engines" / "ask_vllm_teacher.py"
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            [os.environ[VLLM_PYTHON], str(script)],
            input=json.dumps(asked),
            text=True,
            stdout=log,
            stderr=log,
            env=os.environ | variables,
            check=False,
        )
    assert done.returncode == 0, (folder / "log").read_text()[-3000:]
    return [tuple(answer) for answer in json.loads(answers.read_text())]


def test_it_answers_as_the_same_weights_do_and_draws_by_the_requests_seed(source, tmp_path):
    greedy = [
        {"question": q, "max_new_tokens": MAX_NEW_TOKENS, "temperature": 0.0, "sample": 0}
        for q in QUESTIONS
    ]
    drawn = [
        {
            "question": QUESTIONS[0],
            "max_new_tokens": MAX_NEW_TOKENS,
            "temperature": 1.0,
            "sample": n,
        }
        for n in (1, 2, 1)
    ]
    answers = asked_of_vllm(source, tmp_path, [*greedy, *drawn])
    plain = WeightsTeacher(load_model("teacher", str(source)), batch_size=20)
    expected = plain.generate(
        [Request((Message(role="user", content=q),), MAX_NEW_TOKENS) for q in QUESTIONS],
        stop=lambda: False,
        on_answer=lambda *_: None,
    )
    assert len(answers) == len(QUESTIONS) + 3
    for answer, known in zip(answers, expected, strict=False):
        assert answer == (known.text, known.finished, known.completion_tokens)
    first, second, again = answers[-3:]
    assert first == again
    assert first != second
