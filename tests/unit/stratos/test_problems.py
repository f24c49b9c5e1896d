from stratos.errors import SpecRejected
from stratos.problems import Problem, Rejection

LINED = Problem(path="task.verifier", line=3, message="'exact' is no kind; give regex")
WHOLE = Problem(path="", line=None, message="the file is empty; write a spec")


def test_a_problem_says_where_it_is_as_far_as_that_is_known():
    assert str(LINED) == "line 3, task.verifier: 'exact' is no kind; give regex"
    assert str(WHOLE) == "the file is empty; write a spec"


def test_a_refused_spec_lists_every_problem():
    assert str(SpecRejected([LINED, WHOLE])).splitlines() == [
        "the spec has 2 problems:",
        f"- {LINED}",
        f"- {WHOLE}",
    ]


def test_a_rejection_is_kept_as_json():
    rejection = Rejection(spec_key="specs/a/spec.yaml", spec_version_id="1", problems=(LINED,))
    assert Rejection.model_validate_json(rejection.model_dump_json()) == rejection


def test_of_very_many_problems_the_first_are_told_and_none_at_endless_length() -> None:
    endless = Problem(path="name", line=None, message="x" * 100_000)
    told = str(SpecRejected([endless] * 1_000)).splitlines()
    assert told[0] == "the spec has 1000 problems:"
    assert told[-1] == "- and 950 more: correct these first"
    assert len(told) == 52
    assert max(map(len, told)) < 2_100
