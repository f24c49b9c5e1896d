import pytest

from stratos.contracts.messages import Message, calls_text
from stratos.contracts.records import Record
from stratos.errors import BudgetExhausted
from stratos.spec import (
    Exact,
    LlmJudge,
    Number,
    OpenAICompatible,
    Regex,
    SetOf,
    Synthesis,
    ToolCalls,
)
from tests.unit.training.calling_models import OSLO, WEATHER
from tests.unit.training.fakes import ScriptedTeacher
from training.asking.rejection_sampling import RejectionSampler
from training.judging.assessor import Assessor
from training.judging.judge import Judge
from training.models.chat import ModelReply

NUMBER = Judge(Number(kind="number"), "####")
TILES = Judge(SetOf(kind="set"), "####")


def make_record(number, question, gold):
    return Record(id=str(number), messages=(Message(role="user", content=question),), gold=gold)


def run(teacher, judge, synthesis, records, strategy, stop=lambda: False):
    synthesizer = RejectionSampler(teacher, judge, synthesis, stop=stop, on_done=lambda *_: None)
    return synthesizer.run(records, strategy)


def test_alignment_keeps_the_teachers_own_right_answers():
    teacher = ScriptedTeacher(
        lambda request: {"2+2": "two and two\n#### 4", "3+3": "hmm #### 7"}[
            request.messages[-1].content[:3]
        ]
    )
    records = [make_record(1, "2+2", "4"), make_record(2, "3+3", "6")]
    outcome = run(teacher, NUMBER, Synthesis(), records, "alignment")
    assert [(one.id, one.completion, one.strategy) for one in outcome.records] == [
        ("1", "two and two\n#### 4", "alignment")
    ]
    assert outcome.rejects == {"wrong answer": 1}
    assert (outcome.asked["alignment"], outcome.kept["alignment"]) == (2, 1)


def test_alignment_without_gold_answers_keeps_what_a_regex_accepts():
    judge = Judge(Regex(kind="regex", pattern="yes|no"), "####")
    replies = iter(["thinking\n#### yes", "perhaps"])
    records = [make_record(1, "a", None), make_record(2, "b", None)]
    outcome = run(
        ScriptedTeacher(lambda _: next(replies)), judge, Synthesis(), records, "alignment"
    )
    assert [one.id for one in outcome.records] == ["1"]


def test_injection_shows_the_answer_to_the_teacher_and_not_to_the_student():
    teacher = ScriptedTeacher(lambda _: "count them: 2, then 2 more\n#### 4")
    synthesis = Synthesis(injection_prompt="{notes}{question} -> {answer}", notes="Note. ")
    records = [make_record(1, "What is 2+2?", "4")]
    (kept,) = run(teacher, NUMBER, synthesis, records, "injection").records
    assert teacher.asked[0].messages[-1].content == "Note. What is 2+2? -> 4"
    assert kept.messages[-1].content == "What is 2+2?"
    assert kept.completion == "count them: 2, then 2 more\n#### 4"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("it must be\n#### 5", "wrong answer"),
        ("it is 4", "no marker"),
        ("#### 4", "no rationale"),
        ("As the given answer is 4 we see\n#### 4", "leans on the given answer"),
        ("We know that the answer is 4.\n#### 4", "leans on the given answer"),
        ("How many legs has a table of four?\n#### 4", "copies the prompt"),
        (None, "cut"),
    ],
)
def test_injection_rejects_unsound_rationales_by_reason(reply, reason):
    teacher = ScriptedTeacher(lambda _: reply)
    records = [make_record(1, "How many legs has a table of four?", "4")]
    outcome = run(teacher, NUMBER, Synthesis(), records, "injection")
    assert outcome.records == []
    assert outcome.rejects == {reason: 1}


def test_each_element_is_explained_in_a_call_of_its_own_and_joined_in_order():
    teacher = ScriptedTeacher(lambda request: f"line for {request.messages[-1].content[-2:]}")
    judge = Judge(TILES.verifier, "####", checker=lambda question, answer, rationale: [])
    synthesis = Synthesis(injection_prompt="{question}{answer}", per_element=True)
    records = [make_record(1, "which?", "s9 s6"), make_record(2, "which else?", "m1")]
    outcome = run(teacher, judge, synthesis, records, "injection")
    assert [one.completion for one in outcome.records] == [
        "line for s9\nline for s6\n#### s9 s6",
        "line for m1\n#### m1",
    ]
    assert len(teacher.asked) == 3


def test_an_element_ending_in_its_marked_answer_needs_no_checker():
    teacher = ScriptedTeacher(lambda request: f"so\n#### {request.messages[-1].content[-2:]}")
    synthesis = Synthesis(injection_prompt="{question}{answer}", per_element=True)
    outcome = run(teacher, TILES, synthesis, [make_record(1, "q", "s9 s6")], "injection")
    assert outcome.records[0].completion == "so\nso\n#### s9 s6"
    unmarked = ScriptedTeacher(lambda _: "so")
    outcome = run(unmarked, TILES, synthesis, [make_record(1, "q", "s9 s6")], "injection")
    assert outcome.rejects == {"no marker": 2}


def test_one_unexplained_element_drops_the_whole_record():
    teacher = ScriptedTeacher(lambda request: request.messages[-1].content[-2:] + " fits")
    judge = Judge(
        TILES.verifier,
        "####",
        checker=lambda _, answer, __: ["step 12 of 'x' does not hold"] if answer == "s6" else [],
    )
    synthesis = Synthesis(injection_prompt="{question}{answer}", per_element=True, samples=2)
    outcome = run(teacher, judge, synthesis, [make_record(1, "q", "s9 s6")], "injection")
    assert outcome.records == []
    assert outcome.rejects == {"checker: step … of … does not hold": 2}


def test_only_what_is_not_yet_verified_is_asked_again_and_warmer():
    def reply(request):
        return "because it is\n#### 4" if request.sample == 1 else "because it is\n#### 5"

    teacher = ScriptedTeacher(reply)
    outcome = run(
        teacher, NUMBER, Synthesis(samples=4), [make_record(1, "how many?", "4")], "injection"
    )
    assert [request.temperature for request in teacher.asked] == [0.0, 0.7]
    assert outcome.records[0].attempts == 2


def test_blend_injects_only_where_alignment_failed():
    def reply(request):
        asked = request.messages[-1].content
        if "It is 6" in asked:
            return "reasoned from the question\n#### 6"
        return "sum\n#### 4"

    records = [make_record(1, "2+2", "4"), make_record(2, "3+3", "6"), make_record(3, "x", None)]
    judge = Judge(Exact(kind="exact"), "####")
    outcome = run(ScriptedTeacher(reply), judge, Synthesis(), records[:2], "blend")
    assert [one.strategy for one in outcome.records] == ["alignment", "injection"]
    assert outcome.asked == {"alignment": 2, "injection": 1}


def test_what_was_never_asked_is_not_counted_as_failed():
    answers_left = iter([False, False, False, True, True, True, True, True])
    teacher = ScriptedTeacher(lambda _: "yes indeed\n#### 4")
    records = [make_record(number, "q", "4") for number in range(4)]
    outcome = run(
        teacher, NUMBER, Synthesis(), records, "injection", stop=lambda: next(answers_left)
    )
    assert (outcome.asked["injection"], outcome.kept["injection"]) == (2, 2)


def make_judge(reply):
    spec = LlmJudge(
        kind="judge",
        criteria="right",
        model=OpenAICompatible(kind="openai", base_url="http://judge", model="judge"),
    )
    return Judge(spec, "####", assessor=Assessor(reply, spec, stop=lambda: False))


def test_what_the_judge_cannot_judge_is_not_asked_again():
    def verdict(request):
        return "hm" if "2+2" in request.messages[-1].content else '{"correct": false}'

    teacher = ScriptedTeacher(lambda _: "so\n#### 4")
    records = [make_record(1, "2+2", "4"), make_record(2, "3+3", "6")]
    judge = make_judge(ScriptedTeacher(verdict))
    outcome = run(teacher, judge, Synthesis(samples=3), records, "alignment")
    assert [one.messages[-1].content[:3] for one in teacher.asked] == ["2+2", "3+3", "3+3", "3+3"]
    assert outcome.rejects == {"no verdict": 1, "wrong answer": 3}


class EndsBroke(ScriptedTeacher):
    """Has money for some calls."""

    def __init__(self, reply, num_calls):
        super().__init__(reply)
        self._left = num_calls

    def generate(self, requests, *, stop, on_answer):
        some, self._left = requests[: self._left], max(0, self._left - len(requests))
        if requests and not some:
            raise BudgetExhausted("no money")
        found = super().generate(some, stop=stop, on_answer=on_answer)
        return found + [None] * (len(requests) - len(some))


def test_a_judge_out_of_money_ends_the_spending_on_the_teacher():
    teacher = ScriptedTeacher(lambda _: "so\n#### 4")
    records = [make_record(number, f"{number}?", "6") for number in range(4)]
    judge = make_judge(EndsBroke(lambda _: '{"correct": false}', 2))
    outcome = run(teacher, judge, Synthesis(samples=3), records, "blend")
    assert len(teacher.asked) == 4
    assert outcome.rejects == {"wrong answer": 2, "no verdict": 2}


def test_a_teacher_out_of_money_leaves_what_was_kept():
    replies = {"0?": "so\n#### 4", "1?": "so\n#### 5"}
    records = [make_record(number, f"{number}?", "4") for number in range(2)]

    def outcome_of(num_calls):
        teacher = EndsBroke(lambda request: replies[request.messages[-1].content[:2]], num_calls)
        return run(teacher, NUMBER, Synthesis(samples=3), records, "alignment")

    assert [one.id for one in outcome_of(2).records] == ["0"]
    with pytest.raises(BudgetExhausted):
        outcome_of(0)


THINKER = "<think>was it #### 5?</think>\ntwo and two\n#### 4"


@pytest.mark.parametrize(
    ("settings", "learned"),
    [({}, "two and two\n#### 4"), ({"keep_thinking": True}, THINKER)],
)
def test_a_teacher_that_thinks_is_scored_and_learned_without_it(settings, learned):
    teacher = ScriptedTeacher(lambda _: THINKER)
    records = [make_record(1, "2+2", "4")]
    (kept,) = run(teacher, NUMBER, Synthesis(**settings), records, "alignment").records
    assert kept.completion == learned
    (kept,) = run(teacher, NUMBER, Synthesis(**settings), records, "injection").records
    assert kept.completion == "two and two\n#### 4"


def test_only_the_first_few_questions_are_asked_more_than_once():
    teacher = ScriptedTeacher(lambda request: f"#### {request.sample}")
    records = [make_record(number, f"{number}?", "1") for number in range(4)]
    first = []
    sampler = RejectionSampler(
        teacher,
        NUMBER,
        Synthesis(samples=3),
        stop=lambda: False,
        on_done=lambda *_: None,
        on_first=lambda record, *answer: first.append((record.id, *answer)),
    )
    outcome = sampler.run(records, "alignment", num_retried=2)
    assert [one.id for one in outcome.records] == ["0", "1"]
    assert len(teacher.asked) == 6
    assert [(found, one.text, verdict.reason) for found, one, verdict in first] == [
        (record.id, "#### 0", "wrong answer") for record in records
    ]


def instruct_model(request):
    """Replies as instruct models do: in Markdown, with a marker only where one is asked for."""
    asked = request.messages[-1].content
    reply = "### Solution\nHalf of **48** is 24.\n48 + 24 = 72"
    return reply + ("\n\n**#### 72**" if "####" in asked else "\n\nThe answer is **72**.")


@pytest.mark.parametrize("strategy", ["alignment", "injection"])
def test_the_default_prompts_get_a_marked_answer_from_an_instruct_model(strategy):
    records = [make_record(1, "How many clips in April and May?", "72")]
    teacher = ScriptedTeacher(instruct_model)
    outcome = run(teacher, NUMBER, Synthesis(), records, strategy)
    assert [one.answer for one in outcome.records] == ["72"], outcome.rejects
    assert outcome.records[0].messages == records[0].messages
    bare = Synthesis(alignment_prompt="{question}", injection_prompt="{question} {answer}")
    outcome = run(teacher, NUMBER, bare, records, strategy)
    assert (outcome.records, outcome.rejects) == ([], {"no marker": 1})


CALLS = Judge(ToolCalls(kind="tool_call"), "####")


def calling_record(number, *calls):
    record = make_record(number, f"{number}?", calls_text(calls))
    return record.model_copy(update={"tools": (WEATHER,), "tool_choice": "auto"})


def test_alignment_keeps_right_calls_with_what_is_said_before_them():
    replies = {
        "1?": ModelReply("<think>\nhm\n</think>\n\nI look.", (OSLO,)),
        "2?": ModelReply("", (OSLO, OSLO)),
        "3?": ModelReply("It is noon."),
    }
    teacher = ScriptedTeacher(lambda request: replies[request.messages[-1].content])
    records = [calling_record(1, OSLO), calling_record(2, OSLO), calling_record(3)]
    outcome = run(teacher, CALLS, Synthesis(), records, "alignment")
    assert [(one.completion, one.tool_calls, one.tools) for one in outcome.records] == [
        ("I look.", (OSLO,), (WEATHER,)),
        ("It is noon.", None, (WEATHER,)),
    ]
    assert outcome.rejects == {"wrong answer": 1}
    assert all(request.tools == (WEATHER,) for request in teacher.asked)
    kept = run(teacher, CALLS, Synthesis(keep_thinking=True), records[:1], "alignment").records
    assert kept[0].completion == "<think>\nhm\n</think>\n\nI look."


def test_where_nothing_is_to_be_called_something_is_to_be_said():
    teacher = ScriptedTeacher(lambda _: ModelReply(""))
    outcome = run(teacher, CALLS, Synthesis(), [calling_record(1)], "alignment")
    assert (outcome.records, outcome.rejects) == ([], {"empty": 1})


def test_calls_are_not_explained_and_that_is_counted():
    teacher = ScriptedTeacher(lambda _: ModelReply("no call"))
    outcome = run(teacher, CALLS, Synthesis(), [calling_record(1, OSLO)], "blend")
    assert outcome.records == []
    assert outcome.rejects == {"wrong answer": 1, "calls are not explained": 1}
    assert len(teacher.asked) == 1
