from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.scoring.baselines import NearestQuestion, constant_answer
from stratos.statistics.mcnemar import compare, mcnemar_p_value
from stratos.statistics.wilson import proportion, proportion_of

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_the_interval_of_no_success_has_its_closed_form():
    z_squared = 1.959963984540054**2
    share = proportion(0, 10)
    assert (share.lo, share.hi) == pytest.approx((0.0, z_squared / (10 + z_squared)))


@given(counts)
def test_the_interval_holds_the_share_and_mirrors_failures(drawn):
    successes, n = drawn
    share, mirrored = proportion(successes, n), proportion(n - successes, n)
    assert 0 <= share.lo <= share.value <= share.hi <= 1
    assert share.lo == pytest.approx(1 - mirrored.hi, abs=1e-12)


@given(counts)
def test_the_interval_ends_solve_the_score_equation(drawn):
    successes, n = drawn
    share = proportion(successes, n)
    for end in {share.lo, share.hi} - {0.0, 1.0}:
        deviation = abs(share.value - end) / sqrt(end * (1 - end) / n)
        assert deviation == pytest.approx(1.959964, abs=1e-5)


def test_of_nothing_the_interval_is_everything():
    empty = proportion_of([])
    assert (empty.lo, empty.hi, empty.n) == (0.0, 1.0, 0)


def test_more_successes_than_trials_are_refused():
    with pytest.raises(ValueError, match="4 successes of 3"):
        proportion(4, 3)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_the_exact_binomial_sum(first, second):
    n, few = first + second, min(first, second)
    exact = min(1.0, 2 * sum(comb(n, k) for k in range(few + 1)) / 2**n)
    assert mcnemar_p_value(first, second) == pytest.approx(exact)
    assert mcnemar_p_value(first, second) == mcnemar_p_value(second, first)


def test_only_discordant_pairs_are_compared():
    found = compare("teacher", [True, True, False, True], [True, False, True, False])
    assert (found.only_student_right, found.only_other_right) == (2, 1)
    assert found.other == "teacher"


def test_unpaired_outcomes_are_refused():
    with pytest.raises(ValueError, match="2 outcomes against 1 of teacher"):
        compare("teacher", [True, False], [True])


def test_the_constant_answer_is_the_most_frequent_one():
    assert constant_answer(["b", "a", "a", "b", "c"]) == "b"
    with pytest.raises(ValueError, match="label some train records"):
        constant_answer([])


def test_the_nearest_question_lends_its_answer():
    nearest = NearestQuestion(
        ["how far is the moon", "how hot is the sun", "who wrote Faust"], ["384400", "5500", "G"]
    )
    assert nearest.answer("how hot is the sun today") == "5500"
    assert nearest.answer("who wrote Faust") == "G"
    assert nearest.answer("ßßß") == "384400"


@given(st.lists(st.text(alphabet="abc ", max_size=12), min_size=1, max_size=8), st.data())
def test_nearest_is_the_largest_jaccard_index_of_trigrams(questions, data):
    def grams(text):
        padded = f" {text} "
        return {padded[i : i + 3] for i in range(max(1, len(padded) - 2))}

    def jaccard(one, other):
        return len(one & other) / len(one | other)

    asked = data.draw(st.text(alphabet="abcd ", max_size=12))
    golds = [str(number) for number in range(len(questions))]
    similarities = [jaccard(grams(asked), grams(question)) for question in questions]
    found = int(NearestQuestion(questions, golds).answer(asked))
    assert similarities[found] == pytest.approx(max(similarities))
