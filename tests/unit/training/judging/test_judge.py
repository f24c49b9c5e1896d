"""What counts as a right answer and as a sound rationale."""

import pytest

from stratos.contracts.messages import ToolCall
from stratos.scoring.verifiers import is_correct, needs_gold
from stratos.spec import LlmJudge, Number, OpenAICompatible, Regex, ToolCalls
from training.judging.judge import Judge

NUMBER = Judge(Number(kind="number"), "####")
PROMPT = "What is 2 + 2? The answer is 4. Explain it."


def fault(rationale, judge=NUMBER):
    return judge.fault(rationale, prompt=PROMPT, question="What is 2 + 2?", answer="4")


def test_no_rule_stands_in_for_a_model_that_judges():
    model = OpenAICompatible(kind="openai", base_url="http://judge", model="judge")
    spec = LlmJudge(kind="judge", model=model, criteria="right")
    assert not needs_gold(spec)
    with pytest.raises(ValueError, match="asked only inside training jobs"):
        is_correct(spec, "please", None)


def test_only_a_verifier_that_needs_no_gold_answer_can_judge_without_one():
    assert NUMBER.can_judge("4")
    assert not NUMBER.can_judge(None)
    assert Judge(Regex(kind="regex", pattern="yes|no"), "####").can_judge(None)


@pytest.mark.parametrize(
    ("rationale", "found"),
    [
        ("Add two to two, which makes four.", None),
        ("", "no rationale"),
        ("Since the answer must be 4, it is.", "leans on the given answer"),
        ("What is 2 + 2? The answer is 4.", "copies the prompt"),
    ],
)
def test_a_rationale_must_be_reasoned_and_its_own(rationale, found):
    assert fault(rationale) == found


def test_a_checkers_problem_is_counted_without_its_particulars():
    def check(question, answer, rationale):
        return [f"step 3 of 'adding' does not follow from {question!r}"] if answer == "4" else []

    judge = Judge(NUMBER.verifier, "####", checker=check)
    reason = "checker: step … of … does not follow from …"
    assert fault("Add two to two, which makes four.", judge) == reason
    assert judge.step_fault("three and two", "What is 3 + 2?", "5") is None


def test_what_is_judged_of_a_reply_follows_from_the_verifier():
    calls = (ToolCall(name="f", arguments={"x": 1}),)
    model = OpenAICompatible(kind="openai", base_url="http://judge", model="judge")
    calling = Judge(ToolCalls(kind="tool_call"), "####")
    asking = Judge(LlmJudge(kind="judge", model=model, criteria="right"), "####")
    written = '[{"name": "f", "arguments": {"x": 1}}]'
    assert calling.answer_in("said", calls) == written
    assert calling.answer_in("said", ()) == "[]"
    assert asking.answer_in("said", calls) == f"said\n{written}"
    assert asking.answer_in("said", ()) == NUMBER.answer_in("said", calls) == "said"
    assert (calling.explains, asking.explains, NUMBER.explains) == (False, True, True)
