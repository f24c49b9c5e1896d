"""What a dataset was found to be."""

from __future__ import annotations

from pydantic import Field

from stratos.contracts.records import Split
from stratos.frozen import FrozenModel
from stratos.spec import PersonalData

MAX_EXAMPLES = 5
"""Rows that are quoted for one reason."""


class Lengths(FrozenModel):
    """Lengths of texts in characters or tokens, or of conversations in messages."""

    mean: float
    p50: int
    """This and `p95` to three digits."""
    p95: int
    max: int


class LeftOut(FrozenModel):
    """Rows that were left out for one reason."""

    num: int
    examples: tuple[str, ...] = ()
    """The first few, as `file:line: what was found`."""


class AnswerShare(FrozenModel):
    """One of the most common gold answers."""

    answer: str
    """Its first 200 characters."""
    num: int


class Conversations(FrozenModel):
    """What the records ask in: messages, turns and tools."""

    messages: Lengths
    """In a prompt."""
    num_of_several_turns: int
    """Records with more than one message of the user."""
    num_with_system: int
    num_with_tools: int
    num_calling: int
    """Records whose reply calls a tool."""
    tools: dict[str, int] = Field(default_factory=dict)
    """Tool → records that offer it; the most common ones."""
    called: dict[str, int] = Field(default_factory=dict)
    """Tool → calls of it in replies; the most common ones."""


class TokenLengths(FrozenModel):
    """Lengths in tokens of a sample, without what a chat template adds."""

    counted_by: str | None
    """The vocabulary that texts were cut by; None: a token is taken for four characters."""
    num_records: int
    """In the sample: held-out records first, which are drawn by chance."""
    prompts: Lengths
    """Tools included."""
    replies: Lengths
    """The logged reply; where the dataset has none, its gold answer."""


class Inspection(FrozenModel):
    """`inspection.json`: what a dataset was found to be."""

    formats: dict[str, str]
    """File → format."""
    num_lines: int
    """Lines, or rows of a Parquet file."""
    num_bad_lines: int
    bad_lines: tuple[str, ...]
    """The first few, as `file:line: what is wrong`."""
    bad_line_kinds: dict[str, int] = Field(default_factory=dict)
    """What is wrong → lines; the most common kinds. Older files have none."""
    num_exact_duplicates: int
    num_near_duplicates: int
    """Training records too like a held-out or probe record, left out."""
    num_contradictions: int
    """Exact duplicates with another answer; the first one counts."""
    num_repeated_ids: int = 0
    """Records whose id was another's, too, and was made unique. 0 in older files."""
    num_shortened: int = 0
    """Records whose history was cut to `task.max_history_characters`. 0 in older files."""
    num_prompts_in_turns: int = 0
    """Rows whose prompt, in a model's own markup, was read as its turns. 0 in older files, as in
    what follows."""
    num_prompts_in_markup: int = 0
    """Rows whose prompt has marks of such a markup, is not all in it, and is one message with
    them."""
    no_answer: dict[str, int] = Field(default_factory=dict)
    """Why replies are none to learn → how many; see `stratos.dataset.formats.row`. They are no gold
    answers. Older files have none."""
    num_groups: int
    num_records: dict[Split, int]
    num_gold: int
    num_replies: dict[Split, int] = Field(default_factory=dict)
    """Records with a logged reply; empty in older files."""
    prompt_characters: Lengths
    gold_characters: Lengths
    num_distinct_answers: int
    most_common_answer: str | None
    most_common_share: float
    """What a constant answer would score."""
    workloads: dict[str, int]
    left_out: dict[str, LeftOut] = Field(default_factory=dict)
    """Reason → rows. Empty in inspections from before it was kept, as what follows."""
    common_answers: tuple[AnswerShare, ...] = ()
    """The most common first."""
    conversations: Conversations | None = None
    tokens: TokenLengths | None = None
    redacted: dict[PersonalData, int] | None = None
    """Kind → places where personal data became a placeholder; None where that is not asked for."""
    num_redacted_records: int = 0
