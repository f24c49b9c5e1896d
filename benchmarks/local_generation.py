"""Generation by weights on this machine: our own decoding, plain `generate`, and llama.cpp.

Every contender answers the same questions in a process of its own, on one thread, in turn; the best
of its runs counts. Speed is given by CPU second, the server's included: other processes on the
machine then weigh on all alike. Reading weights and writing GGUF is left out, the start of the
server is not. `served_…` is llama.cpp as an endpoint has it: attention in float16 whatever the
weights are. Jobs ask hundreds of questions at once, and decode them by our own batches.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.real_weights import smollm2  # noqa: E402
from serving.export.gguf_file import write_gguf  # noqa: E402
from serving.export.settings import write_settings  # noqa: E402
from stratos.contracts.messages import Message  # noqa: E402
from stratos.contracts.plan import PlannedEngine  # noqa: E402
from stratos.spec import CpuPrecision  # noqa: E402
from training.models.chat import Dialogue  # noqa: E402
from training.models.weights import LocalModel, load_model  # noqa: E402
from training.teachers.served import ServedGguf  # noqa: E402
from training.teachers.teacher import Completion, Request, Teacher  # noqa: E402
from training.teachers.weights import WeightsTeacher  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "local_generation.json"
EXAMPLE = ROOT / "examples" / "word-problems"
SERVED: tuple[CpuPrecision, ...] = ("float32", "float16", "q8_0")
CONTENDERS = ("plain", "ours", *(f"served_{precision}" for precision in SERVED))
_SLOTS, _CONTEXT = 32, 256

Row = dict[str, float]
Answers = list[Completion | None]


@dataclass(frozen=True)
class _Task:
    """A model with its questions, and the aim for our decoding over plain `generate`."""

    folder: Callable[[], Path]
    num_questions: int
    batch_size: int
    max_new_tokens: int
    aim: float


TASKS = {
    "teacher of word-problems": _Task(lambda: EXAMPLE / "models" / "teacher", 512, 128, 80, 4.0),
    "SmolLM2-135M": _Task(smollm2, 16, 16, 32, 3.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("TASK", "CONTENDER"), help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(_measure(*arguments.one)))
        return
    rows = {task: _measure_all(task, arguments.repeats) for task in TASKS}
    result = {
        "name": "local_generation",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "load_average": os.getloadavg(),
        "repeats": arguments.repeats,
        "checks": [check for task, row in rows.items() for check in _checks(task, row)],
        "rows": rows,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


def _measure_all(task: str, repeats: int) -> dict[str, Row]:
    TASKS[task].folder()
    best: dict[str, Row] = {}
    for _ in range(repeats):
        for contender in CONTENDERS:
            ran = subprocess.run(
                [sys.executable, __file__, "--one", task, contender],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            row: Row = json.loads(ran.stdout.strip().splitlines()[-1])
            before = best.setdefault(contender, row)
            if row["tokens_per_cpu_second"] > before["tokens_per_cpu_second"]:
                best[contender] = row
    print(f"\n{task}")
    for contender, row in best.items():
        print(f"  {contender:16}", *(f"{key} {value:,.4g}" for key, value in row.items()))
    return best


def _measure(task_name: str, contender: str) -> Row:
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.WARNING)
    task = TASKS[task_name]
    local = load_model(task_name, str(task.folder()))
    requests = [
        Request((Message(role="user", content=question),), task.max_new_tokens)
        for question in _questions(task.num_questions)
    ]
    with tempfile.TemporaryDirectory() as folder:
        answer = _contender(contender, local, task, Path(folder))
        cpu, wall = _cpu_seconds(), time.perf_counter()
        found = answer(requests)
        cpu, wall = _cpu_seconds() - cpu, time.perf_counter() - wall
    tokens = sum(one.completion_tokens for one in found if one is not None)
    asked = WeightsTeacher(local, batch_size=task.batch_size)
    ours = found if contender == "ours" else _answer_all(asked, requests)
    same = sum(
        one is not None and other is not None and one.text == other.text
        for one, other in zip(found, ours, strict=True)
    )
    return {
        "tokens_per_cpu_second": tokens / cpu,
        "tokens_per_second": tokens / wall,
        "tokens": float(tokens),
        "same_as_ours": same / len(requests),
    }


def _questions(count: int) -> list[str]:
    lines = (EXAMPLE / "dataset.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[:count]]


def _contender(
    name: str, local: LocalModel, task: _Task, folder: Path
) -> Callable[[list[Request]], Answers]:
    ours = WeightsTeacher(local, batch_size=task.batch_size)
    if name == "plain":
        return lambda requests: _answer_plainly(local, task, requests)
    if name == "ours":
        return lambda requests: _answer_all(ours, requests)
    precision = next(one for one in SERVED if name == f"served_{one}")
    local.model.save_pretrained(folder)
    local.tokenizer.save_pretrained(folder)
    write_settings(folder, local.tokenizer, sorted(local.chat.eos))
    engine = PlannedEngine(
        name="llama_cpp",
        precision=precision,
        context_tokens=_CONTEXT,
        slots=_SLOTS,
        memory_gib=0.0,
    )
    served = ServedGguf(name, write_gguf(folder, precision), engine)
    return lambda requests: _answer_all(served, requests)


def _answer_all(teacher: Teacher, requests: list[Request]) -> Answers:
    return teacher.generate(requests, stop=lambda: False, on_answer=lambda *_: None)


def _answer_plainly(local: LocalModel, task: _Task, requests: list[Request]) -> Answers:
    """Batches in the order of the questions, padded on the left."""
    found: Answers = []
    prompts = local.chat.prompts([Dialogue(request.messages) for request in requests])
    for start in range(0, len(prompts), task.batch_size):
        batch = prompts[start : start + task.batch_size]
        width = max(map(len, batch))
        ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in batch])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in batch])
        written = local.model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=task.max_new_tokens,
            do_sample=False,
            eos_token_id=sorted(local.chat.eos),
            pad_token_id=0,
        )[:, width:].tolist()
        for prompt, tokens in zip(batch, written, strict=True):
            ends = [place for place, token in enumerate(tokens) if token in local.chat.eos]
            text = local.chat.text(tokens[: ends[0]] if ends else tokens)
            length = ends[0] + 1 if ends else len(tokens)
            found.append(Completion(text, bool(ends), len(prompt), length))
    return found


def _cpu_seconds() -> float:
    """Of this process and of the servers that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _checks(task: str, rows: dict[str, Row]) -> list[dict[str, object]]:
    def over(contender: str, other: str) -> float:
        return rows[contender]["tokens_per_cpu_second"] / rows[other]["tokens_per_cpu_second"]

    aim = TASKS[task].aim
    checks: list[dict[str, object]] = []
    for name, value, wanted in (
        ("our decoding, tokens/s over generate", over("ours", "plain"), aim),
        ("our decoding, tokens/s over llama.cpp in float32", over("ours", "served_float32"), 1.0),
    ):
        checks.append(
            {
                "name": f"{task}: {name}",
                "value": round(value, 5),
                "aim": wanted,
                "better": "higher",
                "meets": value >= wanted,
            }
        )
    return checks


if __name__ == "__main__":
    main()
