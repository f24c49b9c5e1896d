"""The user's own check of rationales, read from its channel."""

import pytest

from training.judging.checker import load_checker


def test_a_checker_is_found_by_its_name_or_as_the_only_file(tmp_path):
    (tmp_path / "mine.py").write_text("def check(question, answer, rationale): return ['mine']")
    assert load_checker(tmp_path)("q", "a", "r") == ["mine"]
    (tmp_path / "checker.py").write_text("def check(question, answer, rationale): return [answer]")
    assert load_checker(tmp_path)("q", "a", "r") == ["a"]


def test_a_channel_without_a_checker_says_what_it_holds(tmp_path):
    for name in ("one.py", "other.py"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"holds \['one.py', 'other.py'\]; expected checker.py"):
        load_checker(tmp_path)


def test_a_file_without_the_function_is_refused(tmp_path):
    (tmp_path / "checker.py").write_text("check = 'not a function'")
    with pytest.raises(ValueError, match=r"checker.py defines no function `check`"):
        load_checker(tmp_path)
