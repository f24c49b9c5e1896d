"""Records per CPU second beside an earlier commit, in pairs: the machine's other work hits both.

Started with --code and --file it is one measurement: the inspection of a file by the code in a
folder, in a process of its own, whose CPU time counts.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "cbb61f3"
NUM_PAIRS = 5
_TOOLS = ("find_order", "refund_order", "change_address")


def compared(plain: Path, tools: Path, plain_task: dict[str, Any]) -> dict[str, Any]:
    """Inspect both files in turn with the code of then and of now.

    Args:
        plain: Prompts with their completion; the code of then reads only these.
        tools: Chat logs that call tools.
    """
    tools_task = {**plain_task, "verifier": {"kind": "tool_call"}}
    speeds: dict[str, list[float]] = {"before": [], "plain": [], "tools": []}
    with tempfile.TemporaryDirectory() as name:
        before = Path(name)
        _check_out(before)
        for _ in range(NUM_PAIRS):
            speeds["before"].append(_measured(before, plain, plain_task))
            speeds["plain"].append(_measured(ROOT, plain, plain_task))
            speeds["tools"].append(_measured(ROOT, tools, tools_task))
    ratios = {
        kind: [now / then for now, then in zip(speeds[kind], speeds["before"], strict=True)]
        for kind in ("plain", "tools")
    }
    return {
        "commit": BEFORE,
        "records_per_cpu_second": speeds,
        "median_ratios": {kind: statistics.median(found) for kind, found in ratios.items()},
        "ranges_of_ratios": {kind: [min(found), max(found)] for kind, found in ratios.items()},
    }


def write_tool_chats(file: Path, size: int) -> None:
    """Write about `size` bytes of chats whose last reply calls a tool."""
    with file.open("w", encoding="utf-8") as out:
        for row in _tool_chats(random.Random(1)):
            out.write(json.dumps(row) + "\n")
            if out.tell() >= size:
                return


def _tool_chats(rng: random.Random) -> Iterator[dict[str, Any]]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(20_000)]
    system = {"role": "system", "content": "You serve customers of a shop. " + " ".join(words[:40])}
    tools = [_tool(name) for name in _TOOLS]
    number = 0
    while True:
        number += 1
        found = {"id": f"call_{number}", "arguments": {"order": number}, "name": _TOOLS[0]}
        last = {"id": f"call_{number}b", "arguments": {"order": number}, "name": _TOOLS[1]}
        yield {
            "id": f"{number}",
            "messages": [
                system,
                {"role": "user", "content": " ".join(rng.choices(words, k=rng.randint(30, 110)))},
                _calling(found),
                {
                    "role": "tool",
                    "tool_call_id": found["id"],
                    "content": json.dumps({"order": number, "state": rng.choice(words)}),
                },
                {"role": "user", "content": " ".join(rng.choices(words, k=rng.randint(5, 20)))},
                _calling(last),
            ],
            "tools": tools,
        }


def _tool(name: str) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {"order": {"type": "integer", "description": "Number of the order."}},
        "required": ["order"],
    }
    function = {"name": name, "description": name.replace("_", " "), "parameters": parameters}
    return {"type": "function", "function": function}


def _calling(call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
    calls = [{"id": call["id"], "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _check_out(folder: Path) -> None:
    """The package `stratos` as it was."""
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", BEFORE, "stratos"]
    packed = subprocess.run(command, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")


def _measured(code: Path, file: Path, task: dict[str, Any]) -> float:
    options = {"--code": str(code), "--file": str(file), "--task": json.dumps(task)}
    command = [sys.executable, __file__, *(part for pair in options.items() for part in pair)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def _inspected(file: Path, task: dict[str, Any]) -> float:
    """Records per CPU second of the code that comes first on the path."""
    from stratos.spec import Task

    try:
        from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
    except ImportError:  # its name in the earlier commit
        from stratos.dataset.inspection import DataFile, inspect_dataset  # type: ignore[attr-defined,no-redef]

    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        used = time.process_time()
        found = inspect_dataset(
            [DataFile(file.name, lambda: file.open("rb"))], Task.model_validate(task), Path(name)
        )
        cpu_seconds = time.process_time() - used
    assert found.num_bad_lines <= found.num_lines // 1000, found.bad_lines
    return float(found.num_lines / cpu_seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--code", required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--task", type=json.loads, required=True)
    asked = parser.parse_args()
    sys.path.insert(0, asked.code)
    print(_inspected(asked.file, asked.task))
