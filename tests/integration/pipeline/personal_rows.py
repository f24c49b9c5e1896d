"""Personal data in a dataset, all of it of ranges that are set apart for examples."""

from __future__ import annotations

import json
from pathlib import Path

PHONE = "+44 20 7946 0958"
CARD = "4111 1111 1111 1111"
IBAN = "GB82 WEST 1234 5698 7654 32"
ADDRESSES = "persona.quaesita"
"""What the e-mail address of each row begins with."""
SOUGHT = (ADDRESSES, PHONE, CARD, IBAN)
REDACTING = {"redact": "all", "on_bad_line": "skip"}
_EVERY = 5


def write_personal_data(folder: Path) -> int:
    """Put personal data into each field of every fifth row, and add two bad lines with some.

    Returns:
        How many rows have personal data now, the bad ones not counted.
    """
    path = folder / "dataset.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    chosen = range(0, len(rows), _EVERY)
    for number in chosen:
        rows[number] |= _with_personal_data(rows[number], f"{ADDRESSES}{number}@example.org")
    lines = [json.dumps(row) for row in rows]
    lines += [lines[0][:-1], json.dumps({f"{ADDRESSES}@example.org": PHONE, "prompt": [IBAN]})]
    path.write_text("\n".join(lines) + "\n")
    return len(chosen)


def _with_personal_data(row: dict[str, str], address: str) -> dict[str, str]:
    return {
        "id": f"{row['id']} {address}",
        "group": f"{row['group']} {address}",
        "workload": f"of {CARD}",
        "prompt": f"{row['prompt']}\nFor {address}, {PHONE}, {IBAN}.",
        "completion": f"Told {address}, charged {CARD}.\n#### {row['completion']}",
    }
