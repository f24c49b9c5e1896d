"""A dataset and verified records that a job reads in moments."""

from __future__ import annotations

from pathlib import Path

from stratos.contracts.messages import Message
from stratos.contracts.records import Record, TrainingRecord, read_jsonl, write_jsonl


def write_dataset(folder: Path, **counts: int) -> list[Path]:
    """So many records of each split, in a file of its own."""
    files = []
    for split, count in counts.items():
        rows = (
            Record(
                id=f"{split}-{number}",
                messages=(Message(role="user", content=f"{split} {number} + {number}?"),),
                gold=str(2 * number),
                split=split,
            )
            for number in range(count)
        )
        files.append(folder / f"{split}.jsonl")
        write_jsonl(files[-1], rows)
    return files


def write_training_records(path: Path) -> None:
    """Forty records that a verifier accepted."""
    rows = (
        TrainingRecord(
            id=str(number),
            messages=(Message(role="user", content=f"{number}?"),),
            completion=f"so\n#### {number}",
            answer=str(number),
            strategy="injection",
        )
        for number in range(40)
    )
    write_jsonl(path, rows)


def with_replies(folder: Path, split: str, replies: int, right: int) -> None:
    """Give the first records of a split logged replies, of which the first are right."""
    path = folder / f"{split}.jsonl"
    rows = list(read_jsonl(path, Record))
    for number, row in enumerate(rows[:replies]):
        answer = row.gold if number < right else "-1"
        reply = Message(role="assistant", content=f"so\n#### {answer}")
        rows[number] = row.model_copy(update={"reply": reply})
    write_jsonl(path, rows)
