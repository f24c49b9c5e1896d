"""The parts of the tool-call benchmark that need a model: splitting, learning, answering.

All of it is the project's own: the dataset's splits, the records made of logged replies, the
training job, the engines.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from benchmarks.bfcl_cases import Case
from benchmarks.tool_calls_data import after, tool
from benchmarks.tool_calls_scores import Answer
from serving.export.settings import write_settings
from stratos.contracts.bucket import RECORDS_FILE
from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import DistillConfig, Judging
from stratos.contracts.messages import Message, Tool, listed_calls
from stratos.contracts.records import Record, TrainingRecord, write_jsonl
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.frozen import FrozenModel
from stratos.spec import Task, Training, Weights
from training.asking.logged_replies import take_logged
from training.container.clock import JobClock
from training.container.paths import SageMakerPaths
from training.container.storage import ObjectStore
from training.distill import distill
from training.job.job import Job
from training.job.progress import ProgressReporter
from training.judging.judge import Judge
from training.models.chat import ChatFormat, Dialogue
from training.models.generation import Sampling, generate
from training.models.weights import load_model

TEMPLATE = Path(__file__).with_name("tool_calls_smollm2.jinja")
_NAME = "SmolLM2-135M-Instruct"
_BATCH = 64
_DEADLINE_SECONDS = 7_200.0


class _Nowhere(ObjectStore):
    """Stands for the bucket of a job of which only the folders matter."""

    def __init__(self) -> None:
        """Open nothing."""

    def put(self, uri: str, document: FrozenModel) -> None:
        """Keep nothing."""


def untuned(folder: Path, weights: Path) -> Path:
    """The model as published, behind a template that knows tools."""
    if folder.exists():
        return folder
    making = folder.with_name(folder.name + "-making")
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(weights, making)
    shutil.copy(TEMPLATE, making / "chat_template.jinja")
    tokenizer = AutoTokenizer.from_pretrained(making)
    ends = sorted(ChatFormat(tokenizer, [tokenizer.eos_token_id]).eos)
    write_settings(making, tokenizer, ends)
    return making.rename(folder)


def prompt_lengths(found: Sequence[Case], folder: Path) -> list[int]:
    """The tokens of each question's prompt."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    prompts = ChatFormat(tokenizer).prompts([_dialogue(case) for case in found])
    return [len(prompt) for prompt in prompts]


def _dialogue(case: Case) -> Dialogue:
    return Dialogue(
        tuple(Message.model_validate(one) for one in case.messages),
        tuple(Tool.model_validate(tool(function)["function"]) for function in case.functions),
    )


def split(rows: Sequence[dict[str, Any]], task: Task, folder: Path) -> dict[str, Any]:
    """Split a dataset as a run does, and tell what came of it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / task.dataset
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file.write_text("".join(lines), encoding="utf-8")
    found = inspect_dataset([DataFile(file.name, lambda: file.open("rb"))], task, folder)
    return {
        "rows": found.num_lines,
        "groups": found.num_groups,
        "repeated questions": found.num_exact_duplicates,
        "near-duplicates of held-out ones": found.num_near_duplicates,
        "records": found.num_records,
    }


def judge_of(task: Task) -> Judge:
    """Who says what is right."""
    return Judge(task.verifier, task.answer_marker)


def lessons(task: Task, asked: Sequence[Record]) -> list[TrainingRecord]:
    """What a run with `teachers: [{kind: logs}]` learns of them."""
    return take_logged(asked, judge_of(task), keep_thinking=False).records


def learn(
    task: Task, training: Training, records: Sequence[TrainingRecord], base: Path, folder: Path
) -> DistillResult:
    """Run the training job in this process; `folder/model` becomes its artifact."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "records").mkdir(parents=True)
    write_jsonl(folder / "records" / RECORDS_FILE, records)
    config = DistillConfig(
        run_id="benchmark",
        result_uri="s3://benchmark/result.json",
        progress_uri="s3://benchmark/progress.json",
        deadline_seconds=_DEADLINE_SECONDS,
        usd_per_hour=0.0,
        judging=Judging(
            verifier=task.verifier, answer_marker=task.answer_marker, has_checker=False
        ),
        student=Weights(kind="weights", path=base.name, licence="Apache-2.0"),
        method="lora" if training.method == "lora" else "full",
        precision="float32",
        training=training,
        gguf=("float16",),
    )
    channels = {"records": folder / "records", "student": base}
    paths = SageMakerPaths(channels, folder / "model", folder / "output")
    store, clock = _Nowhere(), JobClock(_DEADLINE_SECONDS)
    progress = ProgressReporter("distill", config.progress_uri, store, clock)
    result = distill(Job(config, paths, store, progress, clock))
    assert result is not None
    return result


def answers(
    task: Task,
    folder: Path,
    records: Sequence[Record],
    shown: Sequence[Message] = (),
    begun: str = "",
) -> list[Answer]:
    """Ask a model, greedily.

    Args:
        shown: Past turns before each question.
        begun: What each answer begins with, whatever the model would rather write.
    """
    local = load_model(_NAME, str(folder))
    chat = local.chat
    prompts = chat.prompts(
        [Dialogue(after(shown, one.messages), one.tools or ()) for one in records]
    )
    opening = chat.completions([begun])[0][:-1] if begun else []
    sampling = Sampling(task.max_reply_tokens, chat.eos)
    found: dict[int, Answer] = {}
    for index, written in generate(
        local.model,
        [prompt + opening for prompt in prompts],
        sampling,
        batch_size=_BATCH,
        streams=[0] * len(prompts),
        stop=lambda: False,
        on_step=lambda _: None,
    ):
        reply = chat.reply(opening + written.tokens, records[index].tools or ())
        found[index] = Answer(listed_calls(reply.tool_calls), reply.text, written.finished)
    return [found[index] for index in range(len(records))]
