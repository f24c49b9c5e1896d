"""Write the messages of this example as OpenAI chat logs, or verify those there are.

    python examples/smollm2-inbox/build_dataset.py
    python examples/smollm2-inbox/build_dataset.py --verify

A message raises one or two matters, and the reply names the teams that must act. All phrases of a
message come from one family, which is its group: no phrase of a held-out message is in training.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

from phrases import CLOSINGS, DAYS, ITEMS, LINKS, OPENINGS, PHRASES

HERE = Path(__file__).parent
SEED, PER_FAMILY = 20_261, 24
TEAMS = tuple(sorted(PHRASES))
NUM_FAMILIES = len(PHRASES[TEAMS[0]])
SYSTEM = (
    f"Which teams must act on the message: {', '.join(TEAMS)}? "
    "Give a reason for each, then #### and the teams."
)


def draw_message(rng: random.Random, family: int) -> tuple[str, str]:
    """Return a message and the teams that must act on it, in the order of the alphabet."""
    teams = rng.sample(TEAMS, rng.choice((1, 2)))
    item = rng.choice(ITEMS)
    matters = [
        PHRASES[team][family].format(
            item=item,
            day=rng.choice(DAYS),
            number=rng.randint(1000, 9999),
            amount=rng.randint(5, 99),
        )
        for team in teams
    ]
    text = rng.choice(OPENINGS) + rng.choice(LINKS).join(matters) + rng.choice(CLOSINGS)
    return text, " ".join(sorted(teams))


def build_rows() -> list[dict[str, Any]]:
    """Draw every family's messages; none comes twice."""
    rng = random.Random(SEED)
    rows = []
    for family in range(NUM_FAMILIES):
        drawn: dict[str, str] = {}
        while len(drawn) < PER_FAMILY:
            drawn.setdefault(*draw_message(rng, family))
        rows += [row_of(text, teams, family) for text, teams in drawn.items()]
    return rows


def row_of(text: str, teams: str, family: int) -> dict[str, Any]:
    """One line of the log: what was asked, and what a person replied."""
    return {
        "group": f"family {family}",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": text},
            {"role": "assistant", "content": teams},
        ],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verify", action="store_true")
    path = HERE / "dataset.jsonl"
    lines = "".join(json.dumps(row) + "\n" for row in build_rows())
    if not parser.parse_args().verify:
        path.write_text(lines)
    elif path.read_text() != lines:
        print(f"{path.name} is not what this script draws")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
