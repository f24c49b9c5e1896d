"""Measure a pretrained checkpoint on fresh questions and write its figures.

    python examples/mahjong-waits/evaluate_checkpoints.py teacher
    python examples/mahjong-waits/evaluate_checkpoints.py student-base

Word problems and rules are drawn from a seed that pretraining never used; reverse synthesis and
the forward task use rows of dataset.jsonl, whose hands pretraining never saw. Greedy decoding.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from checker import check
from corpus import Exchange, draw_rule, draw_word_exchange, reverse_prompt
from replies import generate_replies, load_checkpoint
from transformers import PreTrainedModel, PreTrainedTokenizerFast

HERE = Path(__file__).parent
FRESH_SEED = 987_654_321
NUM_FRESH = 500
NUM_HANDS = 600
LINE_TOKENS, REPLY_TOKENS = 48, 160

Figure = dict[str, float | int | list[float]]


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion, by default at 95%."""
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    spread = math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    half = z * spread / (1 + z * z / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


def figure(outcomes: Iterable[bool]) -> Figure:
    """Summarise right and wrong outcomes: count, share and Wilson interval."""
    results = list(outcomes)
    low, high = wilson_interval(sum(results), len(results))
    return {
        "trials": len(results),
        "right": sum(results),
        "share": round(sum(results) / len(results), 4),
        "wilson_95": [round(low, 4), round(high, 4)],
    }


def read_rows(num_rows: int) -> list[dict[str, str]]:
    """Read the first rows of the dataset; their order is random."""
    lines = (HERE / "dataset.jsonl").read_text().splitlines()[:num_rows]
    return [json.loads(line) for line in lines]


def final_answer(reply: str) -> str:
    """Return what follows the last ``####``, or an empty text."""
    return reply.rpartition("####")[2].strip() if "####" in reply else ""


def shown_tiles(reply: str) -> str:
    """Return the tiles that the lines of a reply show to complete the hand, whatever its end."""
    words = [word for word in reply.split() if "+" in word]
    return " ".join(word[0] + word.rpartition("+")[2] for word in words)


def main() -> None:
    """Measure one checkpoint and write figures.json beside it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("role", choices=("teacher", "student-base"))
    parser.add_argument("--models", type=Path, default=HERE / "models")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    folder = arguments.models / arguments.role
    figures = measure(*load_checkpoint(folder))
    text = json.dumps(figures, indent=2)
    (folder / "figures.json").write_text(text + "\n")
    print(text)


def measure(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> dict[str, object]:
    """Measure word problems, rules, reverse synthesis and the forward task."""
    rng = random.Random(FRESH_SEED)
    problems = [draw_word_exchange(rng) for _ in range(NUM_FRESH)]
    rules = [draw_rule(rng) for _ in range(NUM_FRESH)]
    rows = read_rows(NUM_HANDS)

    def ask(exchanges: list[Exchange]) -> list[str]:
        return generate_replies(model, tokenizer, [each.prompt for each in exchanges], REPLY_TOKENS)

    solved = [
        final_answer(reply) == final_answer(each.reply)
        for each, reply in zip(problems, ask(problems), strict=True)
    ]
    known = [each.reply == reply for each, reply in zip(rules, ask(rules), strict=True)]

    asked = [(row, tile) for row in rows for tile in row["completion"].split()]
    prompts = [reverse_prompt(row["prompt"], tile) for row, tile in asked]
    lines = generate_replies(model, tokenizer, prompts, LINE_TOKENS)
    failed: Counter[str] = Counter()
    sound = []
    for (row, tile), line in zip(asked, lines, strict=True):
        sound.append(not check(row["prompt"], tile, line))
        failed[row["id"]] += not sound[-1]
    waits = {row["id"]: len(row["completion"].split()) for row in rows}

    forward = generate_replies(model, tokenizer, [row["prompt"] for row in rows], REPLY_TOKENS)
    answered = list(zip(rows, forward, strict=True))
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "word_problems": figure(solved),
        "rules": figure(known),
        "reverse_lines": figure(sound),
        "reverse_records": figure(not failed[name] for name in waits),
        "reverse_records_by_waits": {
            str(number): figure(not failed[name] for name in waits if waits[name] == number)
            for number in sorted(set(waits.values()))
        },
        "forward": figure(final_answer(reply) == row["completion"] for row, reply in answered),
        "forward_tiles_shown": figure(
            shown_tiles(reply) == row["completion"] for row, reply in answered
        ),
    }


if __name__ == "__main__":
    main()
