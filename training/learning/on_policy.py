"""On-policy distillation: the student writes, the teacher scores (arXiv 2306.13649).

Trained only on good examples, a student never learns what to do after its own mistakes. In a share
of the steps the completions are therefore its own samples, and the loss is the divergence from the
teacher's distribution on them.
"""

from __future__ import annotations

import random

from stratos.spec import Training
from training.models.generation import Sampling, generate_batch
from training.student.batches import BatchPlan, MicroBatch, TokenizedExample, micro_batches
from training.student.student import Student

_TEMPERATURE = 1.0
_BATCH_ROWS = 256


class OnPolicyPlan:
    """Replaces the completions of some steps by samples of the student as it is at that step.

    Which steps, and every random number of a sample, follow from the seed and the step: a resumed
    run draws the same samples.
    """

    def __init__(self, plan: BatchPlan, student: Student, training: Training) -> None:
        self._plan, self._student = plan, student
        self._fraction, self._seed = training.on_policy_fraction, training.seed

    def step(self, index: int) -> list[MicroBatch]:
        if not self.is_on_policy(index):
            return self._plan.step(index)
        written = self._write(self._plan.examples(index), index)
        return micro_batches(written, self._plan.micro_tokens, gold=False)

    def is_on_policy(self, index: int) -> bool:
        return random.Random(f"{self._seed}/{index}/on-policy").random() < self._fraction

    def _write(self, examples: list[TokenizedExample], index: int) -> list[TokenizedExample]:
        """Complete the prompts, at most as long as the longest given completion."""
        longest = max(len(one.tokens) - one.prompt_length for one in examples)
        eos = self._student.local.chat.eos
        sampling = Sampling(longest, eos, _TEMPERATURE, seed=self._seed + index)
        ordered = sorted(examples, key=lambda one: one.prompt_length)
        written: list[TokenizedExample] = []
        for start in range(0, len(ordered), _BATCH_ROWS):
            prompts = [one.tokens[: one.prompt_length] for one in ordered[start:][:_BATCH_ROWS]]
            streams = range(start, start + len(prompts))
            for prompt, completion in zip(
                prompts,
                generate_batch(self._student.model, prompts, sampling, streams),
                strict=True,
            ):
                written.append(TokenizedExample(prompt + completion.written, len(prompt)))
        return written
