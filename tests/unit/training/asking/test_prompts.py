"""What a teacher is asked."""

from stratos.contracts.messages import Message
from stratos.contracts.records import Record
from stratos.spec import Choice, Exact, JsonSchema, Number, Regex, SetOf, Synthesis
from training.asking.prompts import alignment_messages, fill, injection_messages
from training.judging.judge import Judge

NUMBER = Judge(Number(kind="number"), "####")

RECORD = Record(
    id="1",
    messages=(
        Message(role="system", content="be brief"),
        Message(role="user", content="2+2?"),
        Message(role="assistant", content="4"),
        Message(role="user", content="3+3?"),
    ),
    gold="6",
)
SYNTHESIS = Synthesis(
    alignment_prompt="{notes}Solve {question}",
    injection_prompt="{notes}Why is {question} {answer}",
    notes="Note. ",
)


def test_the_last_question_of_a_conversation_is_put_by_the_template():
    asked = alignment_messages(RECORD, SYNTHESIS, NUMBER)
    assert asked[:-1] == RECORD.messages[:-1]
    assert asked[-1].content == "Note. Solve 3+3?"
    assert injection_messages(RECORD, "6", SYNTHESIS, NUMBER)[-1].content == "Note. Why is 3+3? 6"


def test_braces_in_a_question_stay_as_they_are():
    assert fill("{question} {answer}", question="{answer} {x}", answer="4") == "{answer} {x} 4"


def asked(verifier, marker="####"):
    return alignment_messages(RECORD, Synthesis(), Judge(verifier, marker))[-1].content


def explained(verifier, marker="####"):
    return injection_messages(RECORD, "6", Synthesis(), Judge(verifier, marker))[-1].content


def test_the_default_prompts_ask_for_the_marker_of_the_spec_and_show_it():
    for verifier in (
        Exact(kind="exact"),
        Number(kind="number"),
        SetOf(kind="set", separator=";"),
        Choice(kind="choice", choices=("spam", "ham")),
    ):
        assert asked(verifier, "=>").startswith("3+3?")
        assert asked(verifier, "=>").count("=>") >= 2
        assert "####" not in asked(verifier, "=>")
        assert explained(verifier, "=>").endswith("=> 6")
    assert "spam, ham" in asked(Choice(kind="choice", choices=("spam", "ham")))


def test_no_marker_is_asked_for_where_none_is_expected():
    assert asked(Regex(kind="regex", pattern="yes")) == "3+3?"
    assert asked(JsonSchema(kind="json")) == "3+3?"
    assert asked(Number(kind="number"), "") == "3+3?"
    assert explained(Number(kind="number"), "").endswith("End with the answer.")
    assert explained(JsonSchema(kind="json")).endswith("#### 6"), "a rationale comes before it"
