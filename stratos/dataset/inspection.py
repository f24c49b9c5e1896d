"""What a dataset was found to be."""

from __future__ import annotations

from pydantic import Field

from stratos.contracts.records import Split
from stratos.frozen import FrozenModel
from stratos.spec import PersonalData


class Lengths(FrozenModel):
    """Lengths of texts, in characters."""

    mean: float
    p50: int
    """This and `p95` to three digits."""
    p95: int
    max: int


class Inspection(FrozenModel):
    """`inspection.json`: what a dataset was found to be."""

    formats: dict[str, str]
    """File → format."""
    num_lines: int
    """Lines, or rows of a Parquet file."""
    num_bad_lines: int
    bad_lines: tuple[str, ...]
    """The first few, as `file:line: what is wrong`."""
    num_exact_duplicates: int
    num_near_duplicates: int
    """Training records too like a held-out or probe record, left out."""
    num_contradictions: int
    """Exact duplicates with another answer; the first one counts."""
    num_repeated_ids: int = 0
    """Records whose id was another's, too, and was made unique. 0 in older files."""
    num_shortened: int = 0
    """Records whose history was cut to `task.max_history_characters`. 0 in older files."""
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
    redacted: dict[PersonalData, int] | None = None
    """Kind → places where personal data became a placeholder; None where that is not asked for."""
    num_redacted_records: int = 0
