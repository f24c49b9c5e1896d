"""YAML as a spec may use it."""

from __future__ import annotations

import pytest

from stratos.spec.yaml_tree import MAX_BYTES, MAX_NODES, read_yaml
from tests.unit.stratos.spec.spec_files import problems_of


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("[1, 2]", "not a mapping of fields"),
        ("a: 1\na: 2", "given twice, first on line 1"),
        ("a: &x [1]\nb: *x", "aliases are refused"),
        ("a: !!python/object:os.system 1", "tags are refused"),
        ("a: 1\n---\nb: 2", "more than one YAML document"),
        ("{[1]: 2}", "name is not plain text"),
        ("load: {requests_per_second: .inf}", "not a finite number"),
        (b"name: \xff", "not UTF-8"),
        ("name: \x00", "not allowed in YAML"),
        ('name: "\\UFFFFFFFF"', "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("x: " + "[" * 20_000, "nested deeper than 32"),
        ("- " * 20_000, "nested deeper than 32"),
        ("{x: " * 20_000, "nested deeper than 32"),
        ("[" * 10_000_000, f"larger than the {MAX_BYTES:,} bytes"),
        ("a: [" + "1," * (MAX_NODES + 5) + "]", f"more than {MAX_NODES:,} values"),
    ],
)
def test_a_hostile_or_broken_file_is_refused_with_one_clear_problem(
    content: str | bytes, message: str
) -> None:
    assert message in "\n".join(str(problem) for problem in problems_of(content))


@pytest.mark.parametrize("text", [r'a: "x\ud800"', r'"\ud800": 1'])
def test_half_of_a_surrogate_pair_is_refused(text: str) -> None:
    [problem] = read_yaml(text).problems
    assert "half of a surrogate pair" in problem.message
