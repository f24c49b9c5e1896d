"""Every row of the table of requests with tools, against llama.cpp and, if asked for, vLLM."""

from __future__ import annotations

import re

import pytest

from tests.integration.engines.engine_processes import ROOT
from tests.integration.engines.tool_table import (
    TOOL_DIFFERENCES,
    TOOL_PROMISES,
    called_by_name,
    called_one_at_most,
    refused_without_a_word_for_tools,
    required_arguments,
)

VLLM = pytest.mark.vllm
EXTRA = {
    "### Promised of tools": ["`tools`, and a template without a word for them"],
    "### Not promised of tools": ["`tool_choice` names a tool", "`parallel_tool_calls: false`"],
}
"""Rows that need more than a status, or another model; tests of their own below."""


@pytest.fixture
def endpoint(request):
    return request.getfixturevalue(f"{request.param}_endpoint")


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.request.replace("`", ""))


def engines(model, *expected):
    """Each engine with a model, and what is expected of it."""
    names = ["endpoint", "expected"] if expected else ["endpoint"]
    llama_cpp, vllm = expected or ((), ())
    return pytest.mark.parametrize(
        names,
        [
            pytest.param(f"llama_cpp{model}", *([llama_cpp] if expected else []), id="llama_cpp"),
            pytest.param(f"vllm{model}", *([vllm] if expected else []), id="vllm", marks=VLLM),
        ],
        indirect=["endpoint"],
    )


@engines("_calling")
@named(TOOL_PROMISES)
def test_every_endpoint_keeps_the_promise_of_tools(endpoint, row):
    row.holds(endpoint)


@engines("_calling", "llama_cpp", "vllm")
@named(TOOL_DIFFERENCES)
def test_where_engines_differ_with_tools_each_does_what_the_table_says(endpoint, expected, row):
    assert row.ask(endpoint) == row.status[expected]


@engines("_calling", False, True)
def test_arguments_of_a_required_call_fit_and_vllm_must_be_told_to_be_strict(endpoint, expected):
    arguments = required_arguments(endpoint, strict=expected)
    assert set(arguments) == {"n"}
    assert type(arguments["n"]) is int


@engines("_calling", ["count"], ["look"])
def test_a_tool_that_is_chosen_by_name_is_a_choice_for_vllm_alone(endpoint, expected):
    assert called_by_name(endpoint) == expected


@engines("_calling", 2, 1)
def test_one_call_at_most_is_kept_by_vllm_alone(endpoint, expected):
    assert called_one_at_most(endpoint) == expected


@engines("", "takes no tools", "tool choice requires")
def test_tools_are_refused_in_words_where_the_template_has_none_for_them(endpoint, expected):
    assert expected in refused_without_a_word_for_tools(endpoint)


def test_the_page_shows_every_row_of_the_table_of_tools_and_no_other():
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    for heading, rows in (
        ("### Promised of tools", TOOL_PROMISES),
        ("### Not promised of tools", TOOL_DIFFERENCES),
    ):
        section = re.split(r"\n##+ ", page.split(heading + "\n")[1])[0]
        shown = re.findall(r"^\| (.+?) \|", section, flags=re.MULTILINE)
        listed = [name for name in shown if name not in ("Request", "---")]
        assert listed == [row.request for row in rows] + EXTRA[heading]
