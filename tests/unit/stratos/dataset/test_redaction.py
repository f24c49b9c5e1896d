"""Records without personal data, whose answers still agree with their questions."""

from __future__ import annotations

import io
import json

import pytest

from stratos.contracts.messages import Message, ToolCall, calls_text
from stratos.contracts.records import Record, read_jsonl
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.dataset.ledger import Ledger
from stratos.dataset.reading import DatasetReader
from stratos.dataset.redaction import Redactor
from stratos.dataset.tool_texts import ToolTexts
from stratos.errors import DatasetRejected
from stratos.spec import Task
from tests import factories

MAIL, CARD = "anna@example.org", "4111 1111 1111 1111"


def task(**changes: object) -> Task:
    fields = factories.spec().task.model_dump() | {"redact": "all"} | changes
    return Task.model_validate(fields)


def user(text: str) -> Message:
    return Message(role="user", content=text)


def record(*messages: Message, **fields: object) -> Record:
    return Record(id="r", messages=messages, **fields)


def redacted(given: Record, **changes: object) -> Record:
    return Redactor(task(**changes)).record(given)


def test_a_value_has_one_placeholder_in_question_calls_reply_and_gold():
    call = ToolCall(name="refund", arguments={"to": [MAIL], "card": 4111111111111111})
    found = redacted(
        record(
            Message(role="system", content="Agents: bob@example.org"),
            user(f"I am {MAIL.upper()}, card {CARD}"),
            reply=Message(role="assistant", content=f"Refunded {MAIL}", tool_calls=(call,)),
            gold=calls_text([call]),
        )
    )
    assert found.messages[0].content == "Agents: <EMAIL_1>"
    assert found.messages[1].content == "I am <EMAIL_2>, card <CARD_1>"
    assert found.reply is not None
    assert found.reply.content == "Refunded <EMAIL_2>"
    assert found.reply.tool_calls is not None
    assert found.reply.tool_calls[0].arguments == {"to": ["<EMAIL_2>"], "card": "<CARD_1>"}
    assert found.gold == calls_text(found.reply.tool_calls)


def test_json_stays_json_and_keeps_its_layout_where_nothing_is_in_it():
    laid_out = '{\n  "total": 12.50\n}'
    found = redacted(record(user(laid_out), gold=json.dumps({"card": 4111111111111111})))
    assert found.messages[0].content == laid_out
    assert json.loads(found.gold or "") == {"card": "<CARD_1>"}


def test_a_number_that_one_text_tells_is_replaced_in_one_that_does_not():
    hidden = "Is x(415) 555-2671x mine? (415) 555-2671-9999 is not."
    found = redacted(
        record(user("ID:415-555-2671-00"), user("call 415-555-2671"), user(hidden)),
        phone_regions=("US",),
    )
    assert found.messages[1].content == "call <PHONE_1>"
    assert "415-555-2671" not in found.messages[0].content


def test_numbers_of_placeholders_begin_anew_in_each_record():
    redactor = Redactor(task())
    for mail in ("a@example.org", "b@example.org"):
        assert redactor.record(record(user(mail))).messages[0].content == "<EMAIL_1>"


def test_what_is_replaced_is_counted_by_kind_and_by_record():
    redactor = Redactor(task(redact=["email", "ip"]))
    redactor.record(record(user(f"{MAIL} {MAIL}"), gold=MAIL))
    redactor.record(record(user("nothing")))
    assert redactor.told() == {"email": 3, "ip": 0}
    assert redactor.num_records == 1


def test_a_group_with_personal_data_gets_another_name_and_stays_one_group():
    redactor = Redactor(task())
    first, second, other = (
        redactor.record(record(user("q"), group=group)).group
        for group in (MAIL, MAIL, "b@example.org")
    )
    assert first == second != other
    assert first is not None
    assert "@" not in first
    again = Redactor(task()).record(record(user("q"), group=MAIL)).group
    assert again != first  # nobody can make the alias from the address


def test_a_record_without_personal_data_and_a_task_without_redaction_change_nothing():
    plain = record(user("2 + 2?"), gold="4")
    assert redacted(plain) is plain
    personal = record(user(MAIL))
    assert redacted(personal, redact=()) is personal
    assert Redactor(task(redact=())).told() is None


def test_a_reader_gives_redacted_records_whose_ids_are_of_what_is_left():
    def read(prompt, **settings):
        line = json.dumps({"prompt": prompt, "completion": "ok"}).encode()
        return next(DatasetReader(task(**settings)).read("d.jsonl", [line])).record

    first = read(f"I am {MAIL}")
    assert first.messages[0].content == "I am <EMAIL_1>"
    assert first.id == read("I am other@example.org").id == read("I am <EMAIL_1>", redact=()).id
    assert len({first.id, read(f"I am {MAIL}", redact=()).id, read(f"I was {MAIL}").id}) == 3


@pytest.mark.parametrize(
    "line",
    [
        {"messages": [{"role": MAIL, "content": "q"}]},
        {MAIL: "q"},
        {"prompt": {"secret": MAIL}, "completion": "a"},
    ],
)
def test_a_message_about_a_bad_line_quotes_none_of_it(line: dict[str, object]):
    reader = DatasetReader(task())
    assert list(reader.read("d.jsonl", [json.dumps(line).encode()])) == []
    (told,) = reader.bad_lines
    assert told.startswith("d.jsonl:1: ")
    assert MAIL not in told
    assert len(told) > len("d.jsonl:1: ")


def test_a_message_about_a_bad_line_says_what_it_can():
    reader = DatasetReader(task())
    assert list(reader.read("d.jsonl", [b"{"])) == []
    assert reader.bad_lines == ["d.jsonl:1: is not JSON… (task.redact: the line is not quoted)"]


def test_a_name_inside_a_line_is_not_quoted_either():
    told = Redactor(task()).problem(f"mails.{MAIL} has bytes that are not UTF-8 text")
    assert told == "… (task.redact: the line is not quoted)"


def test_a_file_that_cannot_be_read_is_not_quoted(tmp_path):
    content = f"{MAIL},yes\n{MAIL},{MAIL}\n,\n".encode()
    unnamed = DataFile("d.csv", lambda: io.BytesIO(b"yes,\n" + content))
    named_twice = DataFile("d.csv", lambda: io.BytesIO(f"{MAIL},{MAIL}\n".encode()))
    for number, file in enumerate((unnamed, named_twice)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(DatasetRejected) as refused:
            inspect_dataset([file], task(), folder)
        assert str(refused.value).startswith("d.csv: its first line must name the columns")
        assert MAIL not in str(refused.value)


def conversation(*turns: str, **fields: object) -> bytes:
    roles = ("user", "assistant") * len(turns)
    messages = [{"role": role, "content": said} for role, said in zip(roles, turns, strict=False)]
    return json.dumps({"messages": messages, **fields}).encode()


def test_rows_that_repeat_a_history_stay_together_when_they_are_redacted(tmp_path):
    opening = (f"I am {MAIL}", "Hello")
    lines = [conversation(*opening), conversation(*opening, f"Is {MAIL} or b@example.org it?", "b")]
    asked = task(verifier={"kind": "exact"})
    first, second = DatasetReader(asked).read("d.jsonl", lines)
    assert first.opening == second.opening
    with Ledger(tmp_path / "ledger") as ledger:
        for place, entry in enumerate((first, second)):
            ledger.add(entry, True, place, ToolTexts().of(entry.record))
        ledger.tie_conversations()
        assert len({row.group for row in ledger.rows()}) == 1


def test_the_name_of_a_conversation_is_no_hash_of_what_was_said(tmp_path):
    def group_names(mail: str) -> set[str]:
        lines = [
            conversation(f"I am {mail}, {n}", "Hello", "And then?", f"{n}") for n in range(150)
        ]
        folder = tmp_path / mail
        folder.mkdir()
        asked = task(probe_records=20, heldout_records=50, verifier={"kind": "exact"})
        file = DataFile("d.jsonl", lambda: io.BytesIO(b"\n".join(lines)))
        inspect_dataset([file], asked, folder)
        kept = [one for path in folder.glob("*.jsonl") for one in read_jsonl(path, Record)]
        assert len(kept) == 150
        return {one.group for one in kept if one.group is not None}

    names = group_names(MAIL)
    assert len(names) == 150
    assert names == group_names("bert@example.com")


def test_a_dataset_is_redacted_before_its_splits_are_written(tmp_path):
    rows = [
        json.dumps({"prompt": f"I am u{number}@example.org, {number}?", "completion": f"{number}"})
        for number in range(150)
    ]
    content = io.BytesIO("\n".join(rows).encode())
    asked = task(redact=["email"], probe_records=20, heldout_records=50, verifier={"kind": "exact"})
    found = inspect_dataset([DataFile("d.jsonl", lambda: content)], asked, tmp_path)
    assert (found.redacted, found.num_redacted_records) == ({"email": 150}, 150)
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 3
    assert not any("@" in text for text in written)


def test_json_after_white_space_is_read_as_json_too():
    written = '\n {"to": "anna\\u0040example.org"}'
    found = redacted(record(user(written)))
    assert json.loads(found.messages[0].content) == {"to": "<EMAIL_1>"}
