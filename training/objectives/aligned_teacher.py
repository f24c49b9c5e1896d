"""A teacher's distribution across tokenizers, as an objective of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stratos.contracts.records import TrainingRecord
from stratos.errors import IncompatibleVocabulary
from stratos.spec import Training
from training.models.chat import ChatFormat, Dialogue, ModelReply
from training.models.decoder import body_states
from training.models.head import read_head
from training.models.weights import LocalModel
from training.objectives.cross_tokenizer import TokenText, align, ends, shared_outcomes, token_texts
from training.objectives.losses import cross_entropy, divergence
from training.student.batches import MicroBatch, TokenizedExample
from training.student.chunked_loss import LossOfLogits

_FEWEST_OUTCOMES = 16
"""Below this two vocabularies share less than an alphabet."""
_TRIED = 32
"""Examples aligned before training, to find out whether it can be done."""


@dataclass(frozen=True)
class _Row:
    """One completion as the teacher reads it.

    Attributes:
        tokens: Prompt and completion in the teacher's tokens; empty where they cannot be aligned.
        pairs: Position in the student's completion, and in `tokens`, that predict the same text.
    """

    tokens: list[int]
    pairs: list[tuple[int, int]]


class AlignedTeacher:
    """(1−α)·cross-entropy + α·divergence from a teacher that splits text differently.

    The divergence counts where both tokenizers end a token, over the outcomes they share. Inside a
    stretch that only one of them splits the student learns from the records alone.
    """

    def __init__(
        self,
        teacher: LocalModel,
        student: LocalModel,
        prompts: Mapping[tuple[int, ...], list[int]],
        training: Training,
    ) -> None:
        """Group both vocabularies.

        Args:
            prompts: The student's tokens of each prompt → the teacher's tokens of it.

        Raises:
            IncompatibleVocabulary: when the vocabularies have next to nothing in common.
        """
        self._teacher, self._student, self._training = teacher, student, training
        self._head = read_head(teacher)
        self._prompts = prompts
        self._ours, self._theirs = _texts(student), _texts(teacher)
        ours, theirs, count = shared_outcomes(self._ours, self._theirs)
        if count < _FEWEST_OUTCOMES:
            raise _incompatible(teacher, student, f"they share {count - 1} outcomes")
        self._num_outcomes = count
        self._outcomes = _padded(ours, student), _padded(theirs, teacher)
        self._known: dict[tuple[int, ...], _Row] = {}

    @property
    def held_bytes(self) -> int:
        return self._teacher.num_bytes

    def require_alignment(self, examples: list[TokenizedExample]) -> None:
        """Find out on some examples whether texts can be aligned.

        Raises:
            IncompatibleVocabulary: when none of them can.
        """
        tried = examples[:_TRIED]
        if tried and not any(self._row(one.tokens, one.prompt_length).pairs for one in tried):
            raise _incompatible(
                self._teacher,
                self._student,
                f"the teacher's tokenizer changes the text of all {len(tried)} examples tried",
            )

    def loss_of(self, batch: MicroBatch) -> LossOfLogits:
        where, states = self._compare(batch)
        head = self._head
        training, device = self._training, batch.tokens.device
        ours, theirs = (outcomes.to(device) for outcomes in self._outcomes)
        alpha = training.kd_weight

        def loss(logits: Tensor, rows: slice) -> Tensor:
            compared = where[rows] >= 0
            with torch.no_grad():
                scores = head.logits(states[where[rows][compared]])
                wanted = self._log_outcomes(scores, theirs)
            found = self._log_outcomes(logits[compared], ours)
            distance = divergence(found, wanted, training.jsd_beta) * training.temperature**2
            if alpha == 1.0 or not batch.gold:
                return distance
            return (1 - alpha) * cross_entropy(logits, batch.targets[rows]) + alpha * distance

        return loss

    def _log_outcomes(self, logits: Tensor, outcomes: Tensor) -> Tensor:
        """Log-probabilities of the outcomes, [tokens, outcomes]."""
        wide = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        chances = torch.softmax(wide / self._training.temperature, -1)
        sums = chances.new_zeros((len(chances), self._num_outcomes))
        summed = sums.index_add(1, outcomes, chances)
        return summed.clamp_min(torch.finfo(summed.dtype).tiny).log()

    @torch.no_grad()
    def _compare(self, batch: MicroBatch) -> tuple[Tensor, Tensor]:
        """Let the teacher read a batch.

        Returns:
            For each target the index of its teacher state, −1 where it has none; and the states.
        """
        where: list[int] = []
        rows: list[list[int]] = []
        picked: list[tuple[int, int]] = []
        tokens_of, predicts_of = batch.tokens.tolist(), batch.predicts.tolist()
        for number, columns in batch.examples():
            tokens, predicts = tokens_of[number][columns], predicts_of[number][columns]
            positions = [index for index, flag in enumerate(predicts) if flag]
            if not positions:
                continue
            start, last = positions[0] + 1, positions[-1] + 2
            row = self._row(tokens[:last], start, keep=batch.gold)
            found = dict(row.pairs)
            for offset in range(len(positions)):
                if offset in found:
                    where.append(len(picked))
                    picked.append((len(rows), found[offset]))
                else:
                    where.append(-1)
            if row.tokens:
                rows.append(row.tokens)
        device = batch.tokens.device
        model = self._teacher.model
        if not picked:
            empty = self._head.weight.new_empty((0, self._head.weight.shape[1]))
            return torch.tensor(where, device=device), empty
        width = max(map(len, rows))
        padded = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row_tokens in enumerate(rows):
            padded[index, : len(row_tokens)] = torch.tensor(row_tokens)
        states = body_states(model, padded.to(device))
        row_of, position_of = torch.tensor(picked, device=device).T
        return torch.tensor(where, device=device), states[row_of, position_of]

    def _row(self, tokens: list[int], prompt_length: int, *, keep: bool = True) -> _Row:
        """Align one example; the student's own samples do not come again, and are not kept."""
        key = tuple(tokens)
        if (known := self._known.get(key)) is not None:
            return known
        row = self._align(tokens, prompt_length)
        if keep:
            self._known[key] = row
        return row

    def _align(self, tokens: list[int], prompt_length: int) -> _Row:
        completion = tokens[prompt_length:]
        finished = bool(completion) and completion[-1] in self._student.chat.eos
        words = completion[:-1] if finished else completion
        written, our_ends = ends(words, self._ours)
        prompt = self._prompts.get(tuple(tokens[:prompt_length]))
        try:
            text = written.decode()
        except UnicodeDecodeError:  # a sample of the student, cut off within a character
            return _Row([], [])
        (answer,) = self._teacher.chat.completions([text])
        rewritten, their_ends = ends(answer[:-1], self._theirs)
        lead = len(rewritten) - len(written)
        # Some tokenizers put a space before every text.
        if prompt is None or rewritten != b" " * lead + written or lead not in (0, 1):
            return _Row([], [])
        read = prompt + answer
        if len(read) > self._teacher.max_positions:
            return _Row([], [])
        chunks = align(our_ends, [max(0, end - lead) for end in their_ends])
        pairs = [(chunk.ours[0], len(prompt) - 1 + chunk.theirs[0]) for chunk in chunks]
        if finished:
            pairs.append((len(words), len(read) - 2))
        return _Row(read, pairs)


def teacher_prompts(
    records: Iterable[TrainingRecord],
    student: ChatFormat,
    teacher: ChatFormat,
) -> dict[tuple[int, ...], list[int]]:
    """Both models' tokens of each conversation, every one in its own chat template.

    Left out is what ends in calls that the teacher would write otherwise: its distribution over
    the student's syntax says nothing about the calls.
    """
    dialogues = [
        dialogue
        for record in records
        for dialogue in [Dialogue(record.messages, record.tools or ())]
        if not record.tool_calls
        or _written_alike(
            dialogue, ModelReply(record.completion, record.tool_calls), student, teacher
        )
    ]
    ours, theirs = student.prompts(dialogues), teacher.prompts(dialogues)
    return {tuple(one): other for one, other in zip(ours, theirs, strict=True)}


def _written_alike(
    dialogue: Dialogue, reply: ModelReply, student: ChatFormat, teacher: ChatFormat
) -> bool:
    try:
        return student.reply_text(dialogue, reply) == teacher.reply_text(dialogue, reply)
    except ValueError:
        return False


def _texts(local: LocalModel) -> list[TokenText]:
    (ended,) = local.chat.completions([""])
    return token_texts(local.tokenizer, ended[-1])


def _padded(outcomes: list[int], local: LocalModel) -> Tensor:
    """The outcome of every logit; those beyond the tokenizer are padding."""
    size = local.vocabulary_size
    return torch.tensor((outcomes + [0] * size)[:size])


def _incompatible(teacher: LocalModel, student: LocalModel, why: str) -> IncompatibleVocabulary:
    return IncompatibleVocabulary(
        f"the distributions of teacher {teacher.name!r} and student {student.name!r} cannot be "
        f"aligned: {why}. Set training.kd_weight to 0 to distil from the teacher's text, which "
        "needs no common tokenizer, or pick a teacher of the student's family"
    )
