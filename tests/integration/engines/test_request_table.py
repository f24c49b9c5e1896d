"""Every row of the table of requests, against llama.cpp and, where it is asked for, vLLM."""

from __future__ import annotations

import json
import re

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from stratos.contracts.messages import Message
from tests.integration.engines.engine_processes import ROOT
from tests.integration.engines.request_table import DIFFERENCES, PROMISES, chat, text_of
from training.models.chat import ChatFormat, Dialogue

EXTRA = {
    "## Promised": [],
    "## Not promised": [
        "`response_format` of type `json_object`",
        "an answer whose bytes are no UTF-8",
        "more than 512 requests a core at once",
    ],
}
"""Rows that need more than a status to be told apart: tests of their own below, and, of the last,
`tests/unit/serving/test_proxy.py` and `make bench-overload`."""
NUM_GREEDY, REPLY_TOKENS = 20, 48
ENGINES = ["llama_cpp", pytest.param("vllm", marks=pytest.mark.vllm)]


@pytest.fixture
def endpoint(request):
    return request.getfixturevalue(f"{request.param}_endpoint")


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.request.strip("`"))


@pytest.mark.parametrize("endpoint", ENGINES, indirect=True)
@named(PROMISES)
def test_every_endpoint_keeps_the_promise(endpoint, row):
    row.holds(endpoint)


@pytest.mark.parametrize(
    ("endpoint", "engine"),
    [("llama_cpp", "llama_cpp"), pytest.param("vllm", "vllm", marks=pytest.mark.vllm)],
    indirect=["endpoint"],
)
@named(DIFFERENCES)
def test_where_engines_differ_each_does_what_the_table_says(endpoint, engine, row):
    assert row.ask(endpoint) == row.status[engine]


def test_llama_cpp_does_not_hold_an_answer_to_json_without_a_schema(llama_cpp_endpoint):
    asked = llama_cpp_endpoint.text(response_format={"type": "json_object"})
    assert asked == llama_cpp_endpoint.text()


@pytest.mark.parametrize(
    ("endpoint", "status"),
    [("llama_cpp", 500), pytest.param("vllm", 200, marks=pytest.mark.vllm)],
    indirect=["endpoint"],
)
def test_bytes_that_are_no_text_are_an_error_of_llama_cpps(endpoint, status, artifact):
    tokenizer = AutoTokenizer.from_pretrained(artifact)
    beginning = tokenizer("\N{GRINNING FACE}", add_special_tokens=False)["input_ids"][0]
    answer = endpoint.post(chat(max_tokens=6, logit_bias={str(beginning): 100}))
    assert answer.status_code == status


def test_the_page_shows_every_row_of_the_table_and_no_other():
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    for heading, rows in (("## Promised", PROMISES), ("## Not promised", DIFFERENCES)):
        section = page.split(heading + "\n")[1].split("\n## ")[0]
        shown = re.findall(r"^\| (.+?) \|", section, flags=re.MULTILINE)
        listed = [name for name in shown if name not in ("Request", "---")]
        assert listed == [row.request for row in rows] + EXTRA[heading]


@pytest.mark.parametrize("endpoint", ENGINES, indirect=True)
def test_greedy_answers_equal_those_of_transformers(endpoint, artifact):
    tokenizer = AutoTokenizer.from_pretrained(artifact)
    model = AutoModelForCausalLM.from_pretrained(artifact, dtype=torch.float32).eval()
    answers = [
        (text_of(endpoint.post(chat(messages=messages, max_tokens=REPLY_TOKENS)).json()), messages)
        for messages in _conversations()
    ]
    assert len(answers) == NUM_GREEDY
    for answer, messages in answers:
        assert answer.strip() == _answer(model, tokenizer, messages)


def _conversations():
    path = ROOT / "examples" / "mahjong-waits" / "dataset.jsonl"
    with path.open(encoding="utf-8") as rows:
        prompts = [
            json.loads(row)["prompt"] for row, _ in zip(rows, range(NUM_GREEDY), strict=False)
        ]
    return [[{"role": "user", "content": prompt}] for prompt in prompts]


def _answer(model, tokenizer, messages):
    chat_format = ChatFormat(tokenizer)
    asked = Dialogue(tuple(Message.model_validate(each) for each in messages))
    (prompt,) = chat_format.prompts([asked])
    written = model.generate(
        torch.tensor([prompt]),
        max_new_tokens=REPLY_TOKENS,
        do_sample=False,
        eos_token_id=sorted(chat_format.eos),
        pad_token_id=tokenizer.pad_token_id,
    )[0, len(prompt) :]
    return tokenizer.decode(written, skip_special_tokens=True).strip()
