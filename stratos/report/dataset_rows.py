"""What an inspection found, as rows of text for the report and the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from stratos.dataset.inspection import Inspection, Lengths
from stratos.report.figures import percent
from stratos.units import count

_SHOWN_FILES = 10
_SHOWN_TOOLS = 10


@dataclass(frozen=True)
class FactRow:
    """One fact: its name and what was found."""

    name: str
    found: str


@dataclass(frozen=True)
class LengthRow:
    """Lengths of one kind of text."""

    name: str
    mean: str
    p50: str
    p95: str
    longest: str


@dataclass(frozen=True)
class AnswerRow:
    """A common gold answer, and its share of the records that have one."""

    answer: str
    num: str
    share: float


def fact_rows(found: Inspection) -> list[FactRow]:
    """Files, records, answers, turns and tools."""
    splits = ", ".join(f"{num:,} {split}" for split, num in found.num_records.items())
    num_records = sum(found.num_records.values())
    rows = [
        FactRow("files", _files(found)),
        FactRow("rows read", f"{found.num_lines:,}"),
        FactRow("records", f"{num_records:,}: {splits}"),
        FactRow("groups that stay together", f"{found.num_groups:,}"),
        FactRow("gold answers", _gold(found, num_records)),
    ]
    if found.no_answer:
        rows.append(FactRow("replies that are no answer", _names(found.no_answer)))
    if found.num_shortened:
        rows.append(FactRow("histories that were cut", f"{found.num_shortened:,}"))
    if found.num_prompts_in_turns:
        rows.append(
            FactRow("prompts in a model's markup", f"{found.num_prompts_in_turns:,}, as turns")
        )
    if found.num_prompts_in_markup:
        rows.append(
            FactRow(
                "prompts with marks of a markup", f"{found.num_prompts_in_markup:,}, as they stand"
            )
        )
    if found.num_repeated_ids:
        rows.append(FactRow("ids given twice, made unique", f"{found.num_repeated_ids:,}"))
    if found.workloads:
        rows.append(FactRow("workloads", _names(found.workloads)))
    return rows + _conversation_rows(found, num_records)


def _files(found: Inspection) -> str:
    kinds: dict[str, list[str]] = {}
    for name, kind in found.formats.items():
        kinds.setdefault(kind, []).append(name)
    told = [f"{_some(names)} ({kind})" for kind, names in kinds.items()]
    return "; ".join(told) or "none with a row that could be read"


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN_FILES
    return ", ".join(names[:_SHOWN_FILES]) + (f" and {more:,} more" if more > 0 else "")


def _gold(found: Inspection, num_records: int) -> str:
    lacking = num_records - found.num_gold
    without = f"; {count(lacking, 'record')} without one" if lacking else ""
    return f"{found.num_gold:,}, {found.num_distinct_answers:,} of them distinct{without}"


def _conversation_rows(found: Inspection, num_records: int) -> list[FactRow]:
    asked = found.conversations
    if asked is None:
        return []
    told = {
        "with a system message": asked.num_with_system,
        "of several turns": asked.num_of_several_turns,
        "that offer tools": asked.num_with_tools,
        "whose reply calls a tool": asked.num_calling,
    }
    rows = [
        FactRow(f"records {name}", f"{num:,} ({percent(num / num_records)})")
        for name, num in told.items()
        if num
    ]
    for name, names in (("tools offered", asked.tools), ("tools called", asked.called)):
        if names:
            rows.append(FactRow(name, _names(names)))
    return rows


def _names(counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    more = len(ordered) - _SHOWN_TOOLS
    shown = ", ".join(f"{name} ×{num:,}" for name, num in ordered[:_SHOWN_TOOLS])
    return shown + (f" and {more:,} more" if more > 0 else "")


def length_rows(found: Inspection) -> list[LengthRow]:
    """Lengths in characters of all records, and in tokens of the sample."""
    rows = [
        _length_row("prompt, characters", found.prompt_characters),
        _length_row("gold answer, characters", found.gold_characters),
    ]
    if found.tokens is not None:
        rows += [
            _length_row("prompt, tokens", found.tokens.prompts),
            _length_row("reply, tokens", found.tokens.replies),
        ]
    if found.conversations is not None:
        rows.append(_length_row("prompt, messages", found.conversations.messages))
    return rows


def _length_row(name: str, lengths: Lengths) -> LengthRow:
    return LengthRow(
        name, f"{lengths.mean:,.1f}", f"{lengths.p50:,}", f"{lengths.p95:,}", f"{lengths.max:,}"
    )


def counted_by(found: Inspection) -> str | None:
    """What tokens were counted by, in words; None for an inspection that has none."""
    if found.tokens is None:
        return None
    sample = f"Tokens are those of {count(found.tokens.num_records, 'record')} drawn by chance"
    if found.tokens.counted_by is None:
        return f"{sample}, estimated as four characters each: no student's tokenizer is at hand."
    return (
        f"{sample}, cut by the vocabulary in {found.tokens.counted_by}; a byte-pair tokenizer cuts "
        "a little differently."
    )


def answer_rows(found: Inspection) -> list[AnswerRow]:
    """The most common gold answers; none if hardly any answer comes twice."""
    if not found.num_gold or found.num_distinct_answers > found.num_gold / 2:
        return []
    return [
        AnswerRow(one.answer, f"{one.num:,}", one.num / found.num_gold)
        for one in found.common_answers
    ]
