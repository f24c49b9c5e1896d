"""Near-duplicate questions."""

from __future__ import annotations

import pytest

from stratos.dataset.near_duplicates import MIN_WORDS, NearDuplicates
from tests.unit.stratos.dataset.inspecting import record


@pytest.mark.parametrize(
    ("changed_words", "same_gold", "expected"),
    [(1, True, True), (1, False, False), (MIN_WORDS, True, False)],
)
def test_near_means_many_shingles_in_common_and_the_same_answer(
    changed_words: int, same_gold: bool, expected: bool
) -> None:
    words = [f"w{i}" for i in range(100)]
    index = NearDuplicates()
    index.add(record(words, "yes"))
    words[:changed_words] = [f"other{i}" for i in range(changed_words)]
    assert index.holds_one_like(record(words, "yes" if same_gold else "no")) is expected
