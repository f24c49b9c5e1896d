"""A student's own completions and their rewards, as batches with an advantage for each row."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stratos.contracts.messages import Tool
from stratos.contracts.records import TrainingRecord
from stratos.spec import Reinforcement
from training.container.world import ALONE, World
from training.judging.judge import Judge
from training.models.chat import Dialogue, ModelReply
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
        begun: What the reply begins with before the student is asked, where it must call.
    """

    prompt: list[int]
    gold: str | None
    tools: tuple[Tool, ...] = ()
    begun: list[int] = field(default_factory=list)

    @property
    def read(self) -> list[int]:
        """What stands before the tokens that the student writes."""
        return self.prompt + self.begun


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
    chat = student.local.chat
    dialogues = [Dialogue(one.messages, one.tools or ()) for one in scored]
    asked = (
        Question(prompt, one.answer, dialogue.tools, chat.begun(dialogue, one.tool_choice))
        for prompt, dialogue, one in zip(chat.prompts(dialogues), dialogues, scored, strict=True)
    )
    questions = [question for question in asked if len(question.read) <= max_prompt_tokens]
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
        self,
        student: Student,
        judge: Judge,
        settings: Reinforcement,
        seed: int,
        batch_size: int,
        world: World = ALONE,
    ) -> None:
        """Set up.

        Args:
            batch_size: Completions that one process writes together.
            world: Processes of which each writes and scores its share; all of them know the whole.
        """
        self._world = world
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
        rewards = torch.tensor([reward for reward, _ in found.values()])
        advantages = group_advantages(rewards.view(len(asked), settings.samples)).flatten()
        # A group that is all right or all wrong says nothing about what to change.
        learned = [
            (found[index][1], advantage)
            for index, advantage in enumerate(advantages.tolist())
            if advantage != 0.0 or settings.kl_weight > 0
        ]
        learned.sort(key=lambda pair: -len(pair[0].tokens))
        batches = micro_batches(
            [example for example, _ in learned],
            micro_tokens,
            gold=False,
            processes=self._world.size,
        )
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
        return sum(reward for reward, _ in found.values()) / len(questions)

    def _reward(self, question: Question, reply: ModelReply, finished: bool) -> float:
        answer = self._judge.answer_in(reply.text, reply.tool_calls)
        verdict = self._judge.by_rule(answer, question.gold, finished=finished)
        return float(verdict.reason == "right")

    def _complete(
        self,
        questions: Sequence[Question],
        temperature: float,
        seed: int,
        stop: Callable[[], bool],
    ) -> dict[int, tuple[float, TokenizedExample]]:
        """Complete prompts; return reward and tokens by index, fewer where time ran out."""
        chat = self._student.local.chat
        sampling = Sampling(self._settings.max_new_tokens, chat.eos, temperature, seed)
        own = range(self._world.rank, len(questions), self._world.size)
        prompts = [questions[index].read for index in own]
        found: dict[int, tuple[float, TokenizedExample]] = {}
        with self._student.writing() as model:
            for position, one in generate(
                model, prompts, sampling, batch_size=self._batch_size, streams=own, stop=stop
            ):
                index, prompt = own[position], prompts[position]
                question = questions[index]
                example = TokenizedExample(prompt + one.written, len(prompt))
                found[index] = (
                    self._reward(
                        question,
                        chat.reply(question.begun + one.tokens, question.tools),
                        one.finished,
                    ),
                    example,
                )
        return self._world.gather(found)
