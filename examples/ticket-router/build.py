"""Write what the tutorial begins with: a folder of chat logs, and a student that knows nothing.

    python examples/ticket-router/build.py
    python examples/ticket-router/build.py --verify      # the logs are what this script draws

The logs are those of a service that asks a large model to route customers' messages, and keeps
each request beside its response. The student is tiny and random; its tokenizer knows the logs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOGS, STUDENT = HERE / "logs", HERE / "student"
FILES = ("chats-2026-09.jsonl", "chats-2026-10.jsonl")
SEED, NUM_CHATS, FIRST_SECOND = 15, 480, 1_756_684_800

SYSTEM = "Route the customer's message to the team that can help."
PHRASES = {
    "billing": (
        "I was charged twice for order {order}",
        "the invoice of order {order} shows {amount} euros too much",
        "my card was debited again, {amount} euros",
        "please send the receipt of order {order}",
        "why did I pay {amount} euros of tax",
    ),
    "delivery": (
        "order {order} has not arrived",
        "the parcel with the {item} is late",
        "where is my {item}, the courier never came",
        "the tracking of order {order} stands still",
        "the driver left my {item} at a wrong address",
    ),
    "returns": (
        "I want to send the {item} back",
        "the {item} is broken, how do I return it",
        "the {item} does not fit, I would like an exchange",
        "order {order} was the wrong {item}, please take it back",
        "my label for returning the {item} does not print",
    ),
    "account": (
        "I cannot log in since Monday",
        "the mail to reset my password never comes",
        "please change the e-mail address of my login",
        "my profile is locked after {amount} attempts",
        "delete my profile and all its data",
    ),
}
ITEMS = ("kettle", "lamp", "jacket", "keyboard", "teapot", "blanket", "backpack")
OPENINGS = ("", "Hello, ", "Hi, ", "Dear team, ", "Good morning, ")
CLOSINGS = (".", ". Thanks!", ". Please help.", ". Best regards")
URGENT = (". It is urgent!", ". I need an answer today!", ". This cannot wait!")
TOOL = {
    "type": "function",
    "function": {
        "name": "route_ticket",
        "description": "Hand a message over to a team.",
        "parameters": {
            "type": "object",
            "properties": {
                "team": {"type": "string", "enum": list(PHRASES)},
                "urgent": {"type": "boolean"},
            },
            "required": ["team", "urgent"],
        },
    },
}


def draw_message(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A customer's message, and the arguments of the right call."""
    team = chance.choice(list(PHRASES))
    urgent = chance.random() < 0.3
    matter = chance.choice(PHRASES[team]).format(
        order=chance.randint(1000, 9999), amount=chance.randint(3, 99), item=chance.choice(ITEMS)
    )
    text = chance.choice(OPENINGS) + matter + chance.choice(URGENT if urgent else CLOSINGS)
    return text[0].upper() + text[1:], {"team": team, "urgent": urgent}


def chat(number: int, message: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """One line of the log, as OpenAI's API was asked and answered."""
    request = {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": message},
        ],
        "tools": [TOOL],
    }
    call = {
        "id": f"call_{number:04}",
        "type": "function",
        "function": {"name": "route_ticket", "arguments": json.dumps(arguments)},
    }
    reply = {"role": "assistant", "content": None, "tool_calls": [call]}
    response = {
        "id": f"chatcmpl-{number:04}",
        "object": "chat.completion",
        "created": FIRST_SECOND + 9_000 * number,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": reply, "finish_reason": "tool_calls"}],
    }
    return {"request": request, "response": response}


def build_logs() -> dict[str, str]:
    """File → its lines. No message comes twice."""
    chance = random.Random(SEED)
    drawn: dict[str, dict[str, Any]] = {}
    while len(drawn) < NUM_CHATS:
        drawn.setdefault(*draw_message(chance))
    rows = [chat(number, *one) for number, one in enumerate(drawn.items())]
    share = NUM_CHATS // len(FILES)
    return {
        name: "".join(json.dumps(row) + "\n" for row in rows[at * share : (at + 1) * share])
        for at, name in enumerate(FILES)
    }


def build_student(folder: Path, logs: dict[str, str]) -> None:
    """Write a random model of 0.3 million parameters whose tokenizer was learned from the logs."""
    from student import random_student  # torch takes seconds to import

    rows = [json.loads(line) for text in logs.values() for line in text.splitlines()]
    random_student(rows).save(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--verify", action="store_true")
    logs = build_logs()
    if not parser.parse_args().verify:
        LOGS.mkdir(exist_ok=True)
        for name, text in logs.items():
            (LOGS / name).write_text(text)
        build_student(STUDENT, logs)
        return 0
    wrong = [name for name, text in logs.items() if (LOGS / name).read_text() != text]
    for name in wrong:
        print(f"{name} is not what this script draws")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
