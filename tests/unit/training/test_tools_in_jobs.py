"""A dataset with tools goes through every job: asked, judged, taught, and scored."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import EvaluateResult, ProbeResult, SynthesizeResult
from stratos.contracts.messages import Message, Tool, ToolCall, calls_text
from stratos.contracts.records import Record, TrainingRecord, read_jsonl, write_jsonl
from tests import tool_templates
from tests.unit.training.jobs import BASE, BUCKET, STUDENT, lay_out, read
from tests.unit.training.misbehaving_server import MisbehavingServer, reply, says
from tests.unit.training.tiny_models import make_model, tool_tokenizer
from training import distill, evaluate, probe, synthesize

NUMBER = {"type": "integer"}
ADD = Tool(
    name="add",
    description="a sum",
    parameters={"type": "object", "properties": {"a": NUMBER, "b": NUMBER}},
)
JUDGING = {**BASE["judging"], "verifier": {"kind": "tool_call"}}


def adding(one: int, other: int) -> ToolCall:
    return ToolCall(name="add", arguments={"a": one, "b": other})


def record(split: str, number: int) -> Record:
    """A sum to be called for; a sum after another one's answer; or nothing to call for."""
    asked = [Message(role="user", content=f"{number} + {number % 7}")]
    calls = [adding(number, number % 7)]
    if number % 3 == 1:
        called = Message(role="assistant", content="", tool_calls=(adding(number, 1),))
        asked = [Message(role="user", content=f"{number} + 1, and again")]
        asked += [called, Message(role="tool", content=f"sum {number + 1}")]
        calls = [adding(number + 1, 1)]
    if number % 3 == 2:
        asked, calls = [Message(role="user", content=f"hello {number}")], []
    return Record(
        id=f"{split}-{number}",
        messages=tuple(asked),
        tools=(ADD,),
        gold=calls_text(calls),
        split=split,  # type: ignore[arg-type]
    )


class AddingServer(MisbehavingServer):
    """Calls for the sum that is asked for, a wrong one where a 9 stands in the question."""

    def next_behaviour(self, body):
        assert [tool["function"]["name"] for tool in body["tools"]] == ["add"]
        asked, role = body["messages"][-1]["content"], body["messages"][-1]["role"]
        if asked.startswith("hello"):
            return reply(says({"content": "hi"}))
        numbers = [int(found) for found in re.findall(r"\d+", asked)]
        if "again" in asked or role == "tool":
            numbers = [numbers[0], 1]
        wrong = int("9" in asked)
        arguments = json.dumps({"a": numbers[0], "b": numbers[1] + wrong})
        call = {"id": "x", "type": "function", "function": {"name": "add", "arguments": arguments}}
        return reply(says({"content": None, "tool_calls": [call]}, "tool_calls"))


@pytest.fixture
def teacher():
    with AddingServer().running() as base_url:
        yield {"kind": "openai", "base_url": base_url, "model": "adder"}


@pytest.fixture
def calling(container, tmp_path):
    """A container with a dataset and a student that know tools."""
    folder, dataset = tmp_path / "calling-student", tmp_path / "calling"
    tokenizer = tool_tokenizer(tool_templates.HERMES)
    model = make_model(len(tokenizer), num_hidden_layers=1, max_position_embeddings=1024)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    dataset.mkdir()
    for split, count in (("train", 30), ("probe", 24), ("heldout", 24)):
        rows = (record(split, number) for number in range(count))
        write_jsonl(dataset / f"{split}.jsonl", rows)
    lay_out(tmp_path, dataset=dataset, student=folder, model=folder)

    def run(program, hyperparameters=None, **config):
        told = {"judging": JUDGING, "budget_usd": 1.0, **config}
        code = container(program, hyperparameters, **told)
        assert code == 0, (tmp_path / "output" / "failure").read_text()

    return run


def test_tools_go_through_probe_synthesis_distillation_and_evaluation(
    calling, teacher, s3, tmp_path: Path
) -> None:
    synthesis = {"min_records": 1, "samples": 2}
    calling(probe, role="teacher", model=teacher, max_new_tokens=8, synthesis=synthesis)
    probed = read(s3, ProbeResult)
    wrong = sum("9" in f"{n}{n % 7}" for n in range(24) if n % 3 == 0)
    wrong += sum("9" in f"{n + 1}" for n in range(24) if n % 3 == 1)
    assert (probed.accuracy.n, probed.accuracy.successes) == (24, 24 - wrong)
    assert probed.answers == {"right": 24 - wrong, "wrong answer": wrong}
    assert probed.reverse_yield is None

    calling(
        probe,
        role="student",
        model={"kind": "weights", "path": "m"},
        max_new_tokens=4,
        synthesis={},
    )
    assert read(s3, ProbeResult).accuracy.n == 24

    records = tmp_path / "records" / "records.jsonl"
    at = {"records_uri": f"s3://{BUCKET}/records/", "seed": 0}
    calling(synthesize, teacher=teacher, strategy="alignment", synthesis=synthesis, **at)
    made = read(s3, SynthesizeResult)
    s3.download_file(BUCKET, "records/records.jsonl", str(records))
    learned = list(read_jsonl(records, TrainingRecord))
    assert 20 <= made.kept == len(learned) < 30
    for one in learned:
        assert one.tools == (ADD,)
        assert one.answer == calls_text(one.tool_calls or ())
        assert one.completion == ("" if one.tool_calls else "hi")

    training = {"max_steps": 2, "batch_tokens": 2000, "max_sequence_tokens": 1000}
    settings = {"student": STUDENT, "method": "full", "precision": "float32"}
    calling(distill, training=training, gguf_required=False, **settings)
    assert read(s3, DistillResult).steps == 2

    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "model", arcname=".")
    s3.upload_file(str(tmp_path / "model.tar.gz"), BUCKET, "m/tools.tar.gz")
    calling(
        evaluate,
        {"student_artifact": f"s3://{BUCKET}/m/tools.tar.gz"},
        teacher=teacher,
        student=STUDENT,
        max_new_tokens=4,
        synthesis=synthesis,
    )
    result = read(s3, EvaluateResult)
    assert (result.student.n, result.teacher.n) == (24, 24)
    assert result.teacher.successes == 24 - wrong
    # To call nothing is right where nothing is to be called.
    assert result.baselines["constant_answer"].successes == 8
