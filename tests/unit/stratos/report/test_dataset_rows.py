"""An inspection as rows of text."""

from __future__ import annotations

from stratos.dataset.inspection import AnswerShare, Conversations, Inspection, Lengths, TokenLengths
from stratos.report.dataset_rows import answer_rows, counted_by, fact_rows, length_rows
from tests.summaries import inspection


def facts(found: Inspection) -> dict[str, str]:
    return {row.name: row.found for row in fact_rows(found)}


def changed(**fields: object) -> Inspection:
    return inspection().model_copy(update=fields)


def test_files_are_named_by_format_and_many_are_cut() -> None:
    formats = {f"{i:02}.jsonl": "openai_chat" for i in range(12)} | {"z.parquet": "gsm8k"}
    told = facts(changed(formats=formats))["files"]
    assert told.startswith("00.jsonl, 01.jsonl")
    assert told.endswith("09.jsonl and 2 more (openai_chat); z.parquet (gsm8k)")


def test_records_without_an_answer_are_told() -> None:
    found = changed(num_records={"train": 7, "probe": 1, "heldout": 2}, num_gold=9)
    assert facts(found)["gold answers"].endswith("; 1 record without one")
    assert facts(found)["records"] == "10: 7 train, 1 probe, 2 heldout"
    assert "without" not in facts(changed(num_records={"train": 9}, num_gold=9))["gold answers"]


def test_what_carries_no_answer_is_told_by_kind() -> None:
    found = changed(no_answer={"cut": 2, "refused": 12}, num_shortened=3, num_repeated_ids=4)
    told = facts(found)
    assert told["replies that are no answer"] == "refused ×12, cut ×2"
    assert told["histories that were cut"] == "3"
    assert told["ids given twice, made unique"] == "4"
    assert not any("markup" in fact for fact in told)
    told = facts(changed(num_prompts_in_turns=1000, num_prompts_in_markup=2))
    assert told["prompts in a model's markup"] == "1,000, as turns"
    assert told["prompts with marks of a markup"] == "2, as they stand"


def test_turns_and_tools_are_shown_where_there_are_any() -> None:
    lengths = Lengths(mean=3, p50=3, p95=5, max=7)
    asked = Conversations(
        messages=lengths,
        num_of_several_turns=5,
        num_with_system=0,
        num_with_tools=4,
        num_calling=2,
        tools={"look_up": 4, "refund": 4},
        called={"refund": 2},
    )
    found = changed(num_records={"train": 10}, conversations=asked)
    told = facts(found)
    assert told["records of several turns"] == "5 (50.0%)"
    assert "records with a system message" not in told
    assert told["tools offered"] == "look_up ×4, refund ×4"
    assert told["tools called"] == "refund ×2"
    assert [row.longest for row in length_rows(found) if row.name == "prompt, messages"] == ["7"]


def test_how_tokens_were_counted_is_said() -> None:
    lengths = Lengths(mean=3, p50=3, p95=5, max=7)
    tokens = TokenLengths(counted_by=None, num_records=1, prompts=lengths, replies=lengths)
    assert "1 record drawn by chance, estimated" in (counted_by(changed(tokens=tokens)) or "")
    named = tokens.model_copy(update={"counted_by": "models/s/tokenizer.json"})
    assert "models/s/tokenizer.json" in (counted_by(changed(tokens=named)) or "")
    assert counted_by(changed(tokens=None)) is None


def test_answers_are_listed_only_where_they_repeat() -> None:
    common = (AnswerShare(answer="billing", num=6), AnswerShare(answer="refund", num=4))
    labels = changed(num_gold=10, num_distinct_answers=2, common_answers=common)
    assert [(row.answer, row.share) for row in answer_rows(labels)] == [
        ("billing", 0.6),
        ("refund", 0.4),
    ]
    assert answer_rows(changed(num_gold=10, num_distinct_answers=9, common_answers=common)) == []
