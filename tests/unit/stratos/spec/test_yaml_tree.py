"""YAML as a spec may use it."""

from __future__ import annotations

from stratos.spec.yaml_tree import read_yaml
from tests.unit.stratos.spec.test_reader import problems_of


def test_a_bomb_of_aliases_is_not_expanded() -> None:
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert problems_of("\n".join(["l0: &l0 [lol]", *levels]))


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "a: no\nb: 1:30\nc: 010\nd: 1e3\ne: 2026-01-01\nf: ~\ng: 'true'\nh: true"
    assert read_yaml(text).data == {
        "a": "no",
        "b": "1:30",
        "c": 10,
        "d": 1000.0,
        "e": "2026-01-01",
        "f": None,
        "g": "true",
        "h": True,
    }
