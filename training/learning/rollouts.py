"""A student's own completions and their rewards, as batches with an advantage for each row."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stratos.contracts.records import TrainingRecord
from stratos.spec import Reinforcement
from training.judging.judge import Judge
from training.models.generation import Sampling, generate
from training.student.batches import MicroBatch, TokenizedExample, micro_batches
from training.student.student import Student

_TEMPERATURE = 1.0
"""At any other, samples would not come from the policy that is trained."""
_EVEN = 1e-6
_MAX_ASIDE = 256
_ASIDE_SHARE = 0.2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """A question whose answer can be scored.

    Attributes:
        prompt: Token ids.
    """

    prompt: list[int]
    gold: str | None


@dataclass(frozen=True)
class _Said:
    text: str
    finished: bool


@dataclass(frozen=True)
class PolicyRollout:
    """The samples of one step.

    Attributes:
        batches: Samples to learn from, the longest first.
        advantages: One for each row of the batches, in their order.
        mean_reward: Over all samples, those without an advantage included.
    """

    batches: list[MicroBatch]
    advantages: list[list[float]]
    mean_reward: float


def group_advantages(rewards: Tensor) -> Tensor:
    """Return how much better each sample is than its group (arXiv 2402.03300, section 4.1.2).

    Args:
        rewards: [questions, samples].

    Returns:
        [questions, samples], of mean 0 and deviation 1 in each group; 0 where all are equal.
    """
    spread = rewards.std(1, correction=0, keepdim=True)
    centred = rewards - rewards.mean(1, keepdim=True)
    return torch.where(spread > _EVEN, centred / spread.clamp_min(_EVEN), 0.0)


def read_questions(
    records: Sequence[TrainingRecord], student: Student, judge: Judge, max_prompt_tokens: int
) -> list[Question]:
    """Return the questions that can be scored and leave room for an answer."""
    scored = [record for record in records if judge.can_judge(record.answer)]
    prompts = student.local.chat.prompts([record.messages for record in scored])
    questions = [
        Question(prompt, record.answer)
        for prompt, record in zip(prompts, scored, strict=True)
        if len(prompt) <= max_prompt_tokens
    ]
    if len(questions) < len(scored):
        _log.warning(
            "%d of %d questions are longer than %d tokens and left out of reinforcement",
            len(scored) - len(questions),
            len(scored),
            max_prompt_tokens,
        )
    return questions


def set_aside(
    questions: Sequence[Question], unseen: set[tuple[int, ...]], seed: int
) -> tuple[list[Question], list[Question]]:
    """Split questions into those to learn from and those that tell which weights are best.

    Args:
        unseen: Prompts that learning from the records left out; they are set aside first.
    """
    order = list(questions)
    random.Random(f"{seed}/set aside").shuffle(order)
    order.sort(key=lambda question: tuple(question.prompt) not in unseen)
    count = min(_MAX_ASIDE, int(_ASIDE_SHARE * len(order)))
    return order[count:], order[:count]


class RolloutSampler:
    """Lets a student answer questions, and scores what it says by the run's verifier."""

    def __init__(
        self, student: Student, judge: Judge, settings: Reinforcement, seed: int, batch_size: int
    ) -> None:
        self._student, self._judge, self._settings = student, judge, settings
        self._seed, self._batch_size = seed, batch_size

    def draw(
        self,
        questions: Sequence[Question],
        step: int,
        micro_tokens: int,
        stop: Callable[[], bool],
    ) -> PolicyRollout | None:
        """Sample a group for each of the step's questions; None where there was no time for all.

        Which questions, and every random number, follow from the seed and the step.
        """
        settings = self._settings
        rng = random.Random(f"{self._seed}/{step}/reinforcement")
        asked = rng.sample(list(questions), min(settings.questions, len(questions)))
        repeated = [question for question in asked for _ in range(settings.samples)]
        found = self._complete(repeated, _TEMPERATURE, self._seed + step, stop)
        if len(found) < len(repeated):
            return None
        rewards = torch.tensor(
            [self._reward(question, found[index][0]) for index, question in enumerate(repeated)]
        )
        advantages = group_advantages(rewards.view(len(asked), settings.samples)).flatten()
        # A group that is all right or all wrong says nothing about what to change.
        learned = [
            (found[index][1], advantage)
            for index, advantage in enumerate(advantages.tolist())
            if advantage != 0.0 or settings.kl_weight > 0
        ]
        learned.sort(key=lambda pair: -len(pair[0].tokens))
        batches = micro_batches([example for example, _ in learned], micro_tokens, gold=False)
        rest = iter(advantage for _, advantage in learned)
        return PolicyRollout(
            batches,
            [[next(rest) for _ in range(len(batch.tokens))] for batch in batches],
            float(rewards.mean()),
        )

    def accuracy(self, questions: Sequence[Question], stop: Callable[[], bool]) -> float | None:
        """Share of questions answered right, greedily; None where there was no time for all."""
        found = self._complete(questions, 0.0, 0, stop)
        if len(found) < len(questions) or not questions:
            return None
        right = sum(self._reward(questions[index], said) for index, (said, _) in found.items())
        return right / len(questions)

    def _reward(self, question: Question, said: _Said) -> float:
        verdict = self._judge.by_rule(said.text, question.gold, finished=said.finished)
        return float(verdict.reason == "right")

    def _complete(
        self,
        questions: Sequence[Question],
        temperature: float,
        seed: int,
        stop: Callable[[], bool],
    ) -> dict[int, tuple[_Said, TokenizedExample]]:
        """Complete prompts; return text and tokens by index."""
        chat, model = self._student.local.chat, self._student.model
        sampling = Sampling(self._settings.max_new_tokens, chat.eos, temperature, seed)
        prompts = [question.prompt for question in questions]
        found: dict[int, tuple[_Said, TokenizedExample]] = {}
        for index, one in generate(
            model, prompts, sampling, batch_size=self._batch_size, stop=stop
        ):
            example = TokenizedExample(prompts[index] + one.written, len(prompts[index]))
            found[index] = _Said(chat.text(one.tokens), one.finished), example
        return found
