"""What a reply is worth: one rule."""

import pytest

from stratos.scoring.reply import expects_marker, judge_reply, read_reply, verdict_of
from stratos.spec import (
    Choice,
    Exact,
    JsonSchema,
    LlmJudge,
    Number,
    OpenAICompatible,
    Regex,
)

NUMBER = Number(kind="number")
SPAM = Choice(kind="choice", choices=("spam", "ham"))


def worth(text, verifier=NUMBER, gold="72", *, finished=True, marker="####"):
    return judge_reply(text, finished=finished, marker=marker, verifier=verifier, gold=gold).reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("48 + 24\n#### 72", "right"),
        ("48 + 24\n**#### 72**", "right"),
        ("48 + 24\n#### $72.", "right"),
        ("48 + 24\n#### 72 clips\n\nAsk me more!", "right"),
        ("48 + 24\n#### 73", "wrong answer"),
        ("48 + 24 is 72. The answer is 72.", "no marker"),
        ("The answer is 72.", "right"),
        ("72", "right"),
        ("", "empty"),
        (" \n", "empty"),
        ("<think>48 + 24 = 72</think>\n#### 72", "right"),
        ("48 + 24 = 72</think>\n#### 72", "right"),
        ("<think>#### 72</think>I do not know", "no marker"),
        ("<think>#### 72</think>", "thinking only"),
        ("<think>48 + 24\n#### 72", "thinking only"),
    ],
)
def test_a_reply_that_came_to_its_end(text, reason):
    assert worth(text) == reason


@pytest.mark.parametrize("text", ["48 + 24\n#### 72", "", "<think>48"])
def test_a_reply_that_was_cut_is_worth_nothing_whatever_it_says(text):
    assert worth(text, finished=False) == "cut"


def test_a_reply_without_a_marker_is_read_as_a_whole():
    assert worth("Spam", SPAM, "spam") == "right"
    assert worth("It is ham or spam", SPAM, "spam") == "no marker"
    assert worth("no", Regex(kind="regex", pattern="yes"), None) == "wrong answer"
    assert worth("[1]", JsonSchema(kind="json"), "[2]") == "wrong answer"


def test_without_a_marker_in_the_spec_none_is_missed():
    exact = Exact(kind="exact")
    assert worth("a #### b", exact, "a #### b", marker="") == "right"
    assert worth("a #### b", exact, "b", marker="") == "wrong answer"
    assert not read_reply("a", verifier=NUMBER, finished=True, marker="", must_mark=True).fault


def test_thinking_is_not_learned_unless_it_is_asked_for():
    reply = "<think>hm</think>\nso\n#### 72"
    assert (
        read_reply(reply, verifier=NUMBER, finished=True, marker="####").text_to_learn
        == "so\n#### 72"
    )
    kept = read_reply(reply, verifier=NUMBER, finished=True, marker="####", keep_thinking=True)
    assert (kept.text_to_learn, kept.rationale, kept.answer) == (reply, "so", "72")


def test_the_rationale_is_what_precedes_the_marked_answer():
    marked = read_reply("two and two\n#### 4", verifier=NUMBER, finished=True, marker="####")
    assert (marked.rationale, marked.is_marked) == ("two and two", True)
    whole = read_reply(" two and two ", verifier=NUMBER, finished=True, marker="####")
    assert (whole.rationale, whole.is_marked) == ("two and two", False)


def test_a_marker_that_must_be_there_is_missed():
    assert (
        read_reply("72", verifier=NUMBER, finished=True, marker="####", must_mark=True).fault
        == "no marker"
    )


def test_what_nothing_could_tell_is_neither_right_nor_wrong():
    reply = read_reply("yes", verifier=NUMBER, finished=True, marker="####")
    verdict = verdict_of(reply, None, verifier=NUMBER, marker="####")
    assert (verdict.reason, verdict.is_right) == ("no verdict", None)


def test_a_marker_is_expected_where_the_answer_is_compared_with_another():
    judge = LlmJudge(
        kind="judge",
        criteria="right",
        model=OpenAICompatible(kind="openai", base_url="http://judge", model="judge"),
    )
    assert expects_marker(NUMBER, "####")
    assert not expects_marker(NUMBER, "")
    assert not expects_marker(judge, "####")
    assert not expects_marker(JsonSchema(kind="json"), "####")


def test_a_gold_answer_of_several_lines_is_right_behind_a_marker():
    cities, value = "Paris\nRome", '{\n "a": 1\n}'
    assert worth(f"so\n#### {cities}", Exact(kind="exact"), cities) == "right"
    assert worth(f"so\n#### {cities}", Exact(kind="exact"), "Paris") == "right"
    assert worth("so\n#### Paris", Exact(kind="exact"), cities) == "wrong answer"
    assert worth(f"so\n#### {value}\nthat is all", JsonSchema(kind="json"), '{"a": 1}') == "right"
    assert worth(f"so\n#### {value}\nthat is all", JsonSchema(kind="json"), value) == "right"
    assert worth(f"so\n#### {value}", JsonSchema(kind="json"), value) == "right"


@pytest.mark.parametrize("gold", ["72", "1e5"])
@pytest.mark.parametrize(
    "answer",
    [
        "#### 1e999999999999",
        "#### -1e999999",
        "#### " + "9" * 6000,
        "#### 1/" + "9" * 6000,
        "#### " + "9" * 6000 + "/7",
        "#### 1/0",
        "#### Infinity",
        "#### \ud800",
    ],
)
def test_an_odd_number_is_a_wrong_answer(answer, gold):
    assert worth(answer, gold=gold) == "wrong answer"


@pytest.mark.parametrize(
    "answer",
    ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 50_000, "9" * 6000, "```" * 50_000],
)
@pytest.mark.parametrize("schema", [None, {"type": "object"}])
def test_odd_json_is_a_wrong_answer(answer, schema):
    verifier = JsonSchema(kind="json", json_schema=schema)
    assert worth(answer, verifier, '{"a": 1}') == "wrong answer"


def test_a_number_that_overflows_an_integer_schema_is_a_wrong_answer():
    verifier = JsonSchema(kind="json", json_schema={"multipleOf": 3})
    assert worth("1e999", verifier, "3") == "wrong answer"
