"""On-policy distillation: the student writes, the teacher scores (arXiv 2306.13649).

Trained only on good examples, a student never learns what to do after its own mistakes. In a share
of the steps the completions are therefore its own samples, and the loss is the divergence from the
teacher's distribution on them.
"""

from __future__ import annotations

import random

from stratos.spec import Training
from training.container.world import ALONE, World
from training.models.generation import Sampling, generate_batch
from training.student.batches import BatchPlan, MicroBatch, TokenizedExample, micro_batches
from training.student.student import Student

_TEMPERATURE = 1.0
_BATCH_ROWS = 256


class OnPolicyPlan:
    """Replaces the completions of some steps by samples of the student as it is at that step.

    Which steps, and every random number of a sample, follow from the seed and the step: a resumed
    run draws the same samples, and so do several processes, of which each writes its share.
    """

    def __init__(
        self, plan: BatchPlan, student: Student, training: Training, world: World = ALONE
    ) -> None:
        self._plan, self._student, self._world = plan, student, world
        self._fraction, self._seed = training.on_policy_fraction, training.seed

    def step(self, index: int) -> list[MicroBatch]:
        if not self.is_on_policy(index):
            return self._plan.step(index)
        written = self._write(self._plan.examples(index), index)
        return micro_batches(
            written, self._plan.micro_tokens, gold=False, processes=self._world.size
        )

    def is_on_policy(self, index: int) -> bool:
        return random.Random(f"{self._seed}/{index}/on-policy").random() < self._fraction

    def _write(self, examples: list[TokenizedExample], index: int) -> list[TokenizedExample]:
        """Complete the prompts, at most as long as the longest given completion."""
        longest = max(len(one.tokens) - _read(one) for one in examples)
        eos = self._student.local.chat.eos
        sampling = Sampling(longest, eos, _TEMPERATURE, seed=self._seed + index)
        ordered = sorted(examples, key=_read)
        prompts = [one.tokens[: _read(one)] for one in ordered]
        own = range(self._world.rank, len(prompts), self._world.size)
        written: dict[int, TokenizedExample] = {}
        with self._student.writing() as model:
            for start in range(0, len(own), _BATCH_ROWS):
                rows = own[start : start + _BATCH_ROWS]
                asked = [prompts[row] for row in rows]
                for row, completion in zip(
                    rows, generate_batch(model, asked, sampling, rows), strict=True
                ):
                    tokens = prompts[row] + completion.written
                    written[row] = TokenizedExample(tokens, len(prompts[row]))
        return list(self._world.gather(written).values())


def _read(example: TokenizedExample) -> int:
    """How many tokens stand before those that the student writes."""
    return example.prompt_length + example.num_begun
