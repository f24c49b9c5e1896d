"""What a teacher is asked."""

from stratos.contracts.records import Message, Record
from stratos.spec import Synthesis
from training.asking.prompts import alignment_messages, fill, injection_messages

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
    asked = alignment_messages(RECORD, SYNTHESIS)
    assert asked[:-1] == RECORD.messages[:-1]
    assert asked[-1].content == "Note. Solve 3+3?"
    assert injection_messages(RECORD, "6", SYNTHESIS)[-1].content == "Note. Why is 3+3? 6"


def test_braces_in_a_question_stay_as_they_are():
    assert fill("{question} {answer}", "{answer} {x}", "4", "") == "{answer} {x} 4"
