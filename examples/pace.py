"""How fast this machine trains an example's student, and the hours that its spec needs here.

The hours of an example suit a machine as fast as the one they were chosen on. A slower one must be
given more before the run begins, because a run never softens a constraint.
"""

from __future__ import annotations

import logging
import math
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from stratos.contracts.bucket import SPEC_FILE
from stratos.planning.deadlines import TIME_SHARES
from stratos.planning.forecast.devices import micro_tokens
from stratos.spec import Method, Spec, Weights
from stratos.spec.reader import read_spec
from stratos.spec.training import DEFAULT_BATCH_TOKENS
from training.container.clock import Interruption, JobClock
from training.container.host import limit_threads, runtime
from training.learning.optimizer import Optimizers
from training.learning.trainer import Trainer, TrainingSchedule, TrainingState
from training.models.gguf_folder import convert, find_gguf
from training.objectives.objective import GoldTokens
from training.student.batches import BatchPlan, TokenizedExample
from training.student.student import load_student

_HEADROOM = 3.0
"""Hours of a run over those that its training takes of its share: start, export, the machine's
mood. The fastest machine that the examples were run on leaves them as much."""
_LONG_SECONDS = 5.0
"""A step that takes longer is measured once: what chance adds is little beside it."""
_RECORD_TOKENS = 96
_RATE = 1e-9
_HOURS = re.compile(r"^(\s*max_training_hours:\s*)([\d.]+)", re.MULTILINE)


def fitted_to_machine(example: Path, into: Path) -> tuple[Path, str]:
    """Return the example, or a copy with more hours in its spec, and what was found, in words.

    Args:
        into: Folder for the copy.
    """
    text = (example / SPEC_FILE).read_text(encoding="utf-8")
    spec = read_spec(text)
    given, steps = spec.constraints.max_training_hours, spec.training.max_steps
    student = next((one for one in spec.students if one.kind == "weights" and one.path), None)
    if given is None or steps is None or not isinstance(student, Weights):
        return example, "its hours are as its spec says"
    with _quiet():
        seconds = step_seconds(spec, student, example)
    told = f"a training step takes {seconds:.2f} s here"
    hours = needed_hours(given, steps, seconds)
    if hours == given:
        return example, f"{told}; max_training_hours: {given:g} suffices"
    copy = into / example.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(example, copy)
    (copy / SPEC_FILE).write_text(_HOURS.sub(rf"\g<1>{hours:g}", text), encoding="utf-8")
    return copy, f"{told}; max_training_hours is set to {hours:g}, from {given:g}"


def needed_hours(given: float, steps: int, seconds: float) -> float:
    """The least multiple of an example's hours that leaves its training enough time."""
    needed = _HEADROOM * steps * seconds / TIME_SHARES["distill"] / 3600
    return round(given * max(1, math.ceil(needed / given)), 3)


def step_seconds(spec: Spec, student: Weights, folder: Path, least_seconds: float = 1.0) -> float:
    """Seconds of one step as the spec asks for it, after a first one that warms up.

    It is the step that the job does, optimizer included, on records without meaning.
    """
    training = spec.training
    method: Method = "lora" if training.method == "lora" else "full"
    with _model_folder(folder, str(student.path)) as source:
        opened = load_student(student, str(source), method, "float32", training.lora_rank, 0)
    threads = torch.get_num_threads()
    limit_threads(opened.num_parameters)
    batch_tokens = training.batch_tokens or DEFAULT_BATCH_TOKENS
    plan = BatchPlan(
        _records(4 * batch_tokens // _RECORD_TOKENS),
        batch_tokens=batch_tokens,
        micro_tokens=micro_tokens(
            runtime(), opened.num_parameters, batch_tokens, _RECORD_TOKENS, 1
        ),
        seed=0,
        packed=training.packing,
    )
    ended_at: list[float] = []

    def on_step(_state: TrainingState, _loss: float, _speed: float) -> None:
        ended_at.append(time.monotonic())

    Trainer(
        opened,
        plan,
        [],
        GoldTokens(),
        Optimizers(opened.trained, training, _RATE),
        TrainingSchedule(1_000_000, _RATE),
        None,
        _Measured(ended_at, least_seconds),
        on_step,
    ).run()
    torch.set_num_threads(threads)
    return (ended_at[-1] - ended_at[0]) / (len(ended_at) - 1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without training's warnings: it is stopped on purpose."""
    logger = logging.getLogger("training")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _model_folder(example: Path, path: str) -> Iterator[Path]:
    """The folder of a model of an example; of a GGUF, one made for as long as it is read."""
    gguf = find_gguf(example, path)
    if gguf is None:
        yield example / path
        return
    with tempfile.TemporaryDirectory() as made:
        convert(gguf, Path(made), path)
        yield Path(made)


class _Measured(JobClock):
    """Ends a training when so many seconds, and two steps after the first, were measured.

    One is enough if it takes long.
    """

    def __init__(self, ended_at: list[float], least_seconds: float) -> None:
        super().__init__(deadline_seconds=math.inf)
        self._ended_at, self._least_seconds = ended_at, least_seconds

    def must_end(self, reserve_seconds: float = 0.0) -> Interruption | None:
        ended = self._ended_at
        passed = ended[-1] - ended[0] if ended else 0.0
        enough = passed >= self._least_seconds and (len(ended) > 2 or passed >= _LONG_SECONDS)
        return "deadline" if enough else None


def _records(count: int) -> list[TokenizedExample]:
    generator = torch.Generator().manual_seed(0)
    return [
        TokenizedExample(torch.randint(4, 32, (_RECORD_TOKENS,), generator=generator).tolist(), 16)
        for _ in range(count)
    ]
