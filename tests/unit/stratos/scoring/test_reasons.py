"""Reasons in words."""

from stratos.scoring.reasons import advice, counted, too_few


def test_reasons_are_counted_the_most_frequent_first():
    assert counted({"cut": 2, "right": 9, "no marker": 18}) == "no marker ×18, cut ×2"
    assert counted({"right": 3}) == ""


def test_advice_is_about_the_most_frequent_reason():
    missing = {"no marker": 30, "cut": 18}
    assert "30 times did not write `####`" in advice(missing, "####")
    assert "never wrote `=>`" in advice({"no marker": 30}, "=>")
    assert "synthesis.max_new_tokens" in advice({"cut": 3, "wrong answer": 1}, "####")
    assert "another teacher" in advice({"wrong answer": 3}, "####")


def test_too_few_records_are_counted_by_reason():
    told = too_few(12, 60, 30, {"no marker": 30, "cut": 18}, "####")
    assert told.startswith("12 of 60 questions ended verified; needed 30 ")
    assert "Rejected: no marker ×30, cut ×18. The teacher" in told
    assert "nothing was answered" in too_few(0, 0, 1, {}, "####")
