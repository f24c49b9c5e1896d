"""Verified records as token batches whose loss falls on the completion alone.

A step's records are drawn by a permutation that only the seed and the epoch decide. Inside a step
they are sorted by length and cut into micro-batches of nearly equal length, padded on the right:
under causal attention no token sees another record or the padding behind it. With packing several
share a row; their positions start again at 0, which keeps them apart.
"""

from __future__ import annotations

import logging
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

import torch
from torch import Tensor

from stratos.contracts.messages import calls_text
from stratos.contracts.records import TrainingRecord
from stratos.errors import TooFewVerifiedRecords
from stratos.scoring.answers import with_answer
from training.models.chat import ChatFormat, Dialogue, ModelReply

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenizedExample:
    """One record as token ids; the first `prompt_length` carry no loss.

    Attributes:
        num_begun: Tokens behind the prompt that a model is not asked for, since every call begins
            with them and a call is required.
    """

    tokens: list[int]
    prompt_length: int
    num_begun: int = 0


@dataclass(frozen=True)
class MicroBatch:
    """Examples of one step that go through the model together.

    Attributes:
        tokens: [rows, width], padded on the right.
        predicts: [rows, width], true where the next token is to be learned.
        targets: [number of true values in `predicts`], the tokens to be learned.
        num_tokens: Without padding.
        gold: The targets are verified; false for the student's own samples, which only a teacher's
            distribution can correct.
        positions: [rows, width], counted from 0 in each example of a row; None where every row is
            one example.
    """

    tokens: Tensor
    predicts: Tensor
    targets: Tensor
    num_tokens: int
    gold: bool = True
    positions: Tensor | None = None

    @classmethod
    def nothing(cls) -> MicroBatch:
        """A batch without a target, for a process that only has to take part."""
        tokens = torch.zeros((1, 1), dtype=torch.long)
        return cls(tokens, tokens.bool(), tokens[0, :0], 0)

    def to(self, device: torch.device) -> MicroBatch:
        return MicroBatch(
            self.tokens.to(device),
            self.predicts.to(device),
            self.targets.to(device),
            self.num_tokens,
            self.gold,
            None if self.positions is None else self.positions.to(device),
        )

    def examples(self) -> Iterator[tuple[int, slice]]:
        """Yield the row and the columns of each example, in the order of `targets`."""
        rows, width = self.tokens.shape
        for row in range(rows):
            starts = [0]
            if self.positions is not None:
                starts = (self.positions[row] == 0).nonzero().flatten().tolist()
            for start, end in pairwise([*starts, width]):
                yield row, slice(start, end)


def encode(
    records: Sequence[TrainingRecord],
    chat: ChatFormat,
    *,
    max_tokens: int,
    answers_only_marker: str | None = None,
) -> list[TokenizedExample]:
    """Tokenize records with the student's chat template.

    Args:
        max_tokens: Longer examples are left out; cutting one would teach to stop in mid-sentence.
        answers_only_marker: Given, the rationale is replaced by this marker and the answer.

    Raises:
        TooFewVerifiedRecords: when no example is left.
    """
    dialogues, texts, begun = _written(records, chat, answers_only_marker)
    prompts, completions = chat.prompts(dialogues), chat.completions(texts)
    examples = [
        TokenizedExample(
            prompt + completion,
            len(prompt),
            len(opening) if completion[: len(opening)] == opening else 0,
        )
        for prompt, completion, opening in zip(prompts, completions, begun, strict=True)
    ]
    short = [example for example in examples if len(example.tokens) <= max_tokens]
    if len(short) < len(examples):
        _log.warning(
            "%d of %d records are longer than %d tokens and left out",
            len(examples) - len(short),
            len(examples),
            max_tokens,
        )
    if not short:
        shortest = min((len(example.tokens) for example in examples), default=0)
        raise TooFewVerifiedRecords(
            f"none of {len(examples)} records fits in {max_tokens} tokens (the shortest has "
            f"{shortest}); raise training.max_sequence_tokens or pick a student with more positions"
        )
    return short


def split_validation(
    examples: Sequence[TokenizedExample], seed: int
) -> tuple[list[TokenizedExample], list[TokenizedExample]]:
    """Set a twentieth aside, at most 64; nothing where there are too few to spare."""
    count = min(64, len(examples) // 20)
    order = list(range(len(examples)))
    random.Random(seed).shuffle(order)
    return [examples[index] for index in order[count:]], [examples[i] for i in order[:count]]


class StepPlan(Protocol):
    """Gives the micro-batches of any step, as often as it is asked."""

    def step(self, index: int) -> list[MicroBatch]: ...


class BatchPlan:
    """Which examples belong to which step, as a function of the seed and the step alone."""

    def __init__(
        self,
        examples: Sequence[TokenizedExample],
        *,
        batch_tokens: int,
        micro_tokens: int,
        seed: int,
        packed: bool = False,
        processes: int = 1,
    ) -> None:
        self._examples, self._seed, self.micro_tokens = examples, seed, micro_tokens
        self._packed, self._processes = packed, processes
        self.num_tokens = sum(len(example.tokens) for example in examples)
        self.steps_per_epoch = max(1, round(self.num_tokens / batch_tokens))
        self._epoch = -1
        self._slices: list[list[int]] = []

    def step(self, index: int) -> list[MicroBatch]:
        """Return the micro-batches of a step, counted from 0."""
        return micro_batches(
            self.examples(index),
            self.micro_tokens,
            packed=self._packed,
            processes=self._processes,
        )

    def examples(self, index: int) -> list[TokenizedExample]:
        """Return the examples of a step, counted from 0."""
        epoch, position = divmod(index, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._slices = epoch, self._slice(epoch)
        return [self._examples[number] for number in self._slices[position]]

    def _slice(self, epoch: int) -> list[list[int]]:
        """Cut the epoch's permutation into steps with nearly equal numbers of tokens."""
        order = list(range(len(self._examples)))
        random.Random(f"{self._seed}/{epoch}").shuffle(order)
        ends = list(accumulate(len(self._examples[number].tokens) for number in order))
        cuts = [
            bisect_right(ends, self.num_tokens * step / self.steps_per_epoch)
            for step in range(self.steps_per_epoch)
        ] + [len(order)]
        return [order[cuts[step] : cuts[step + 1]] for step in range(self.steps_per_epoch)]


def micro_batches(
    examples: Sequence[TokenizedExample],
    micro_tokens: int,
    *,
    gold: bool = True,
    packed: bool = False,
    processes: int = 1,
) -> list[MicroBatch]:
    """Group examples of similar length; a group times its width stays within `micro_tokens`.

    Args:
        packed: Fill each row with as many examples as the longest leaves room for.
        processes: That share the groups; these are made as small as they can without more rounds.
    """
    ordered = sorted(examples, key=lambda example: -len(example.tokens))
    rows = _pack(ordered) if packed else [[example] for example in ordered]
    widths = [len(ordered[0 if packed else row].tokens) for row in range(len(rows))]
    cuts = _cut(widths, micro_tokens)
    if processes > 1:
        rounds = -(-len(cuts) // processes)
        fewest = bisect_left(
            range(micro_tokens),
            True,
            key=lambda most: len(_cut(widths, most)) <= rounds * processes,
        )
        cuts = _cut(widths, fewest)
    return [_pad(rows[part], gold) for part in cuts]


def _cut(widths: Sequence[int], micro_tokens: int) -> list[slice]:
    """Cut rows, widest first, into groups that stay within `micro_tokens` when padded."""
    cuts: list[slice] = []
    start = 0
    while start < len(widths):
        count = max(1, micro_tokens // widths[start])
        cuts.append(slice(start, start + count))
        start += count
    return cuts


def _pack(ordered: Sequence[TokenizedExample]) -> list[list[TokenizedExample]]:
    """Put each example, longest first, into the first row that has room for it."""
    rows: list[list[TokenizedExample]] = []
    room: list[int] = []
    for example in ordered:
        size = len(example.tokens)
        found = next((row for row, left in enumerate(room) if left >= size), None)
        if found is None:
            rows.append([example])
            room.append(len(ordered[0].tokens) - size)
        else:
            rows[found].append(example)
            room[found] -= size
    return rows


def _pad(rows: Sequence[Sequence[TokenizedExample]], gold: bool) -> MicroBatch:
    width = max(sum(len(example.tokens) for example in row) for row in rows)
    tokens = torch.zeros((len(rows), width), dtype=torch.long)
    predicts = torch.zeros((len(rows), width), dtype=torch.bool)
    positions = torch.arange(width).repeat(len(rows), 1)
    for number, row in enumerate(rows):
        start = 0
        for example in row:
            end = start + len(example.tokens)
            tokens[number, start:end] = torch.tensor(example.tokens)
            predicts[number, start + example.prompt_length - 1 : end - 1] = True
            # Padding counts on from the last example: it lies behind whatever carries a loss.
            positions[number, start:] = torch.arange(width - start)
            start = end
    return MicroBatch(
        tokens,
        predicts,
        tokens.roll(-1, dims=1)[predicts],
        sum(len(example.tokens) for row in rows for example in row),
        gold,
        positions if any(len(row) > 1 for row in rows) else None,
    )


def _written(
    records: Sequence[TrainingRecord], chat: ChatFormat, answers_only_marker: str | None
) -> tuple[list[Dialogue], list[str], list[list[int]]]:
    """What is shown to the student, what it must write, without what it cannot, and the tokens
    that its reply is begun with.

    Raises:
        TooFewVerifiedRecords: when it can write nothing.
    """
    dialogues: list[Dialogue] = []
    texts: list[str] = []
    begun: list[list[int]] = []
    faults: list[str] = []
    for record in records:
        dialogue = Dialogue(record.messages, record.tools or ())
        try:
            text = chat.reply_text(dialogue, _reply(record, answers_only_marker))
            opening = chat.begun(dialogue, record.tool_choice)
        except ValueError as error:
            faults.append(str(error))
        else:
            dialogues.append(dialogue)
            texts.append(text)
            begun.append(opening)
    if faults:
        told = f"the calls of {len(faults)} of {len(records)} records cannot be taught"
        if not texts:
            raise TooFewVerifiedRecords(f"{told}: {faults[0]}")
        _log.warning("%s, and are left out; the first: %s", told, faults[0])
    return dialogues, texts, begun


def _reply(record: TrainingRecord, answers_only_marker: str | None) -> ModelReply:
    calls = record.tool_calls or ()
    if answers_only_marker is None or record.answer is None:
        return ModelReply(record.completion, calls)
    # Where nothing is to be called, what is said instead is the answer.
    if calls or (record.tools and record.answer == calls_text(())):
        return ModelReply("" if calls else record.completion, calls)
    return ModelReply(with_answer("", answers_only_marker, record.answer))
