"""The Mahjong example: tiles, finder, checker, corpus and dataset."""

from __future__ import annotations

import importlib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

EXAMPLE = Path(__file__).parents[3] / "examples" / "mahjong-waits"
QUESTION = "Hand: m234678 p11 s34445\nWhich tiles complete it?"
SOUND = {
    "p1": "m234 m678 p11+1 s345 s44",
    "s4": "m234 m678 p11 s345 s44+4",
}


@pytest.fixture(scope="module", autouse=True)
def example_folder() -> Iterator[None]:
    """Let the example's scripts import each other by plain name, as they do when run."""
    sys.path.insert(0, str(EXAMPLE))
    yield
    sys.path.remove(str(EXAMPLE))


@pytest.fixture(scope="module")
def hands(example_folder: None) -> ModuleType:
    return importlib.import_module("hands")


@pytest.fixture(scope="module")
def checker(example_folder: None) -> ModuleType:
    return importlib.import_module("checker")


@pytest.fixture(scope="module")
def corpus(example_folder: None) -> ModuleType:
    return importlib.import_module("corpus")


@pytest.fixture(scope="module")
def build_dataset(example_folder: None) -> ModuleType:
    return importlib.import_module("build_dataset")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    lines = (EXAMPLE / "dataset.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("m234678 p11 s34445", "p1 s4"),
        ("m111 p222 s333 z4445", "z5"),
        ("m1112345678999", "m1 m2 m3 m4 m5 m6 m7 m8 m9"),
        ("m1111 p234 s567 z222", ""),  # only a fifth m1 would complete it
        ("m13579 p2468 s1357", ""),
    ],
)
def test_finder_lists_exactly_the_completing_tiles(
    hands: ModuleType, text: str, answer: str
) -> None:
    waits = hands.find_waits(hands.parse_hand(text))
    assert " ".join(str(wait.tile) for wait in waits) == answer


def test_finder_agrees_with_the_mahjong_package(
    hands: ModuleType, build_dataset: ModuleType
) -> None:
    rng = random.Random(5)
    for _ in range(300):
        hand = hands.draw_waiting_hand(rng)
        assert len(build_dataset.agreed_answer(hand)) >= 1


def test_generator_leaves_out_hands_that_wait_for_seven_pairs(hands: ModuleType) -> None:
    assert hands.is_seven_pairs_wait(hands.parse_hand("m1122 p3344 s5566 z7"))
    assert not hands.is_seven_pairs_wait(hands.parse_hand("m234678 p11 s34445"))


def test_finder_refuses_a_hand_that_is_not_13_tiles(hands: ModuleType) -> None:
    with pytest.raises(ValueError, match="holds 13 tiles"):
        hands.find_waits(hands.parse_hand("m123"))


@pytest.mark.parametrize("text", ["m0", "z8", "x1", "12", "m11111"])
def test_parse_hand_refuses_what_is_no_hand(hands: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a suit letter|more than 4"):
        hands.parse_hand(text)


def test_canonical_key_ignores_which_suit_and_which_honour(hands: ModuleType) -> None:
    key = hands.canonical_key(hands.parse_hand("m234678 p11 s345 z11"))
    assert key == hands.canonical_key(hands.parse_hand("m345 p234678 s11 z77"))
    assert key != hands.canonical_key(hands.parse_hand("m234678 p11 s346 z11"))


def test_every_gold_explanation_passes_the_checker(
    hands: ModuleType, corpus: ModuleType, checker: ModuleType
) -> None:
    rng = random.Random(6)
    for _ in range(300):
        hand = hands.draw_waiting_hand(rng)
        waits = hands.find_waits(hand)
        answer = " ".join(str(wait.tile) for wait in waits)
        lines = "\n".join(map(str, waits))
        assert checker.check(corpus.question(hand), answer, lines) == []
        assert checker.check(corpus.question(hand), answer, f"{lines}\n#### {answer}") == []


@pytest.mark.parametrize(
    ("answer", "rationale", "problem"),
    [
        ("p1", SOUND["s4"], "The lines show 's4'"),
        ("p1 s4", SOUND["p1"], "The lines show 'p1'"),
        ("s4 p1", f"{SOUND['p1']}\n{SOUND['s4']}", "The lines show 'p1 s4'"),
        ("p1", f"{SOUND['p1']}\n#### s4", "The last line states 's4'"),
        ("p1", "m234 m678 p11+1 s345 s45", "neither a run, a triplet nor a pair"),
        ("p1", "m234 m678 p11+1 s345 s55", "not the tiles of the hand"),
        ("p1", "m234 m678 p11 s345 s44", "no group lacks a tile"),
        ("p1", "m234 m678 p11+1 s345 s4+4", "two groups lack a tile"),
        ("p1", "because the answer is p1", "is not a group"),
        ("p1", "", "The lines show ''"),
        ("p9x", SOUND["p1"], "is not a list of tiles"),
    ],
)
def test_checker_names_what_is_wrong(
    checker: ModuleType, answer: str, rationale: str, problem: str
) -> None:
    problems = checker.check(QUESTION, answer, rationale)
    assert len(problems) == 1
    assert problem in problems[0]


def test_checker_refuses_a_fifth_copy_and_too_many_pairs(checker: ModuleType) -> None:
    held = "Hand: m1111 p234 s567 z222"
    assert "all four m1" in checker.check(held, "m1", "m111 m1+1 p234 s567 z222")[0]
    pairs = "Hand: m1122 p3344 s5566 z7"
    problem = checker.check(pairs, "z7", "m11 m22 p33 p44 s55 s66 z7+7")[0]
    assert "not four melds and one pair" in problem


def test_checker_refuses_a_question_without_a_hand(checker: ModuleType) -> None:
    for question in ("", "What is 2+2?", "Hand: m123", "Hand: m11111 p234 s567 z22", "Hand: z88"):
        assert "no line 'Hand:'" in checker.check(question, "p1", SOUND["p1"])[0]


_GARBAGE = st.one_of(
    st.text(), st.text("mpsz0123456789+# \n"), st.sampled_from(list(SOUND.values()))
)


@settings(max_examples=300)
@given(question=st.one_of(st.just(QUESTION), _GARBAGE), answer=_GARBAGE, rationale=_GARBAGE)
def test_checker_never_raises(question: str, answer: str, rationale: str) -> None:
    check = importlib.import_module("checker").check
    problems = check(question, answer, rationale)
    assert all(isinstance(problem, str) for problem in problems)


def test_committed_rows_are_right_and_their_groups_distinct(
    build_dataset: ModuleType, rows: list[dict[str, str]]
) -> None:
    assert sum(build_dataset.verify_rows(rows[::10]).values()) == len(rows[::10])
    assert len({row["group"] for row in rows}) == len({row["id"] for row in rows}) == len(rows)


def test_verification_names_a_wrong_row(
    build_dataset: ModuleType, rows: list[dict[str, str]]
) -> None:
    wrong = {**rows[0], "completion": "z1"}
    with pytest.raises(ValueError, match=wrong["id"]):
        build_dataset.verify_rows([wrong])


def test_dataset_is_the_same_for_the_same_seed(build_dataset: ModuleType) -> None:
    rows = build_dataset.build_rows(50, seed=3)
    assert rows == build_dataset.build_rows(50, seed=3)
    assert rows != build_dataset.build_rows(50, seed=4)


def test_corpus_never_asks_for_the_waits_and_never_shows_a_dataset_hand(
    hands: ModuleType, corpus: ModuleType
) -> None:
    stream = corpus.draw_exchanges(seed=11)
    explained = 0
    for exchange in (next(stream) for _ in range(3000)):
        if "Which tiles complete it?" in exchange.prompt:
            explained += 1
            assert "\nAnswer: " in exchange.prompt
            hand = hands.parse_hand(exchange.prompt.splitlines()[0].removeprefix("Hand: "))
            assert not corpus.is_dataset_hand(hand)
    assert explained > 500


def test_word_problems_end_in_the_result_of_their_equations(example_folder: None) -> None:
    word_problems = importlib.import_module("word_problems")
    rng = random.Random(2)
    for draw in (word_problems.draw_word_problem, word_problems.draw_drill):
        for _ in range(300):
            problem = draw(rng)
            assert 0 <= problem.result <= 99
            assert problem.solution.endswith(f"={problem.result}\n#### {problem.result}") or (
                f"={problem.result} " in problem.solution
            )
            assert "{" not in problem.question + problem.solution
