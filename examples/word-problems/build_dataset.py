"""Write the word problems of this example, in the format of GSM8K, or verify those there are.

    export PYTHONPATH=examples/mahjong-waits
    python examples/word-problems/build_dataset.py
    python examples/word-problems/build_dataset.py --verify

The teacher was pretrained on problems of the same templates. What it was shown is drawn again from
the seed of its pretraining, and no row repeats a question of it.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from pathlib import Path

from pretrain import draw_chunk
from word_problems import draw_word_problem

HERE = Path(__file__).parent
NUM_ROWS, SEED = 7_000, 20_261
TEACHER_SEED, TEACHER_CHUNKS = 1, 90
"""The teacher's 2,700 batches were cut from the first so many chunks of its corpus."""
_EQUATION = re.compile(r"(\d+)([-+*/])(\d+)=(\d+)")


def seen_by_teacher(num_chunks: int = TEACHER_CHUNKS) -> set[str]:
    """Return every prompt that the teacher may have been pretrained on."""
    return {
        exchange.prompt
        for chunk in range(num_chunks)
        for exchange in draw_chunk(TEACHER_SEED, chunk)
    }


def build_rows(num_rows: int, seed: int, seen: set[str]) -> list[dict[str, str]]:
    """Draw problems whose questions are all different and none of those in `seen`."""
    rng = random.Random(seed)
    answers: dict[str, str] = {}
    while len(answers) < num_rows:
        problem = draw_word_problem(rng)
        if problem.question not in seen:
            answers.setdefault(problem.question, problem.solution)
    return [{"question": question, "answer": answer} for question, answer in answers.items()]


def verify_rows(rows: list[dict[str, str]], seen: set[str]) -> None:
    """Reckon every row again.

    Raises:
        ValueError: An equation is wrong, an answer is not that of its last equation, or a question
            comes twice or was the teacher's.
    """
    questions: set[str] = set()
    for number, row in enumerate(rows, start=1):
        question, answer = row["question"], row["answer"]
        found = _EQUATION.findall(answer)
        for left, sign, right, result in found:
            pair = int(left), int(right), int(result)
            if not _holds(sign, *pair):
                raise ValueError(f"row {number}: {left}{sign}{right} is not {result}")
        if not found or answer.rpartition("#### ")[2] != found[-1][3]:
            raise ValueError(f"row {number}: its answer is not the result of its last equation")
        if question in questions:
            raise ValueError(f"row {number}: its question comes twice")
        if question in seen:
            raise ValueError(f"row {number}: the teacher was pretrained on its question")
        questions.add(question)


def _holds(sign: str, left: int, right: int, result: int) -> bool:
    if sign == "/":
        return left == right * result
    return {"+": left + right, "-": left - right, "*": left * right}[sign] == result


def main() -> None:
    """Write the dataset unless it is only to be verified, and verify it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--path", type=Path, default=HERE / "dataset.jsonl")
    parser.add_argument("--rows", type=int, default=NUM_ROWS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--verify", action="store_true")
    given = parser.parse_args()
    seen = seen_by_teacher()
    if not given.verify:
        rows = build_rows(given.rows, given.seed, seen)
        given.path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [json.loads(line) for line in given.path.read_text().splitlines()]
    try:
        verify_rows(rows, seen)
    except ValueError as error:
        sys.exit(f"{given.path.name} is wrong: {error}")
    print(f"{len(rows)} rows hold; none of the teacher's {len(seen):,} prompts is among them")


if __name__ == "__main__":
    main()
