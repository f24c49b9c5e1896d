"""What a student's accuracy is read beside."""

from stratos.contracts.messages import Message, calls_text
from stratos.contracts.records import Record
from stratos.scoring.reply import ReplyVerdict, read_reply
from stratos.spec import LlmJudge, Normalised, Number, OpenAICompatible, ToolCalls
from tests.unit.training.calling_models import OSLO
from tests.unit.training.fakes import ScriptedTeacher
from training.asking.comparisons import score_baselines, show_examples, spread
from training.asking.questions import Scored
from training.judging.assessor import Assessor
from training.judging.judge import Judge
from training.teachers.teacher import Completion

NUMBER = Judge(Number(kind="number"), "####")


def make_record(number, question, gold):
    return Record(id=str(number), messages=(Message(role="user", content=question),), gold=gold)


TRAIN = [
    make_record(1, "how many legs has a horse", "4"),
    make_record(2, "how many legs has a table", "4"),
    make_record(3, "how many wheels has a bicycle", "2"),
]
HELDOUT = [
    make_record(4, "how many legs has a dog", "4"),
    make_record(5, "how many wheels has a tandem bicycle", "2"),
]


def test_baselines_answer_with_the_commonest_answer_and_that_of_the_nearest_question():
    assert score_baselines(TRAIN, HELDOUT, NUMBER) == {
        "constant_answer": [True, False],
        "nearest_question": [True, True],
    }


def test_a_baselines_answer_may_hold_the_marker_and_several_lines():
    judge = Judge(Normalised(kind="normalised"), "####")
    records = [make_record(number, "steps?", "#### Steps\nOne.\nTwo.") for number in range(2)]
    assert score_baselines(records, records, judge) == {
        "constant_answer": [True, True],
        "nearest_question": [True, True],
    }


def test_there_are_no_baselines_without_gold_answers_or_where_verdicts_are_paid_for():
    unanswered = [record.model_copy(update={"gold": None}) for record in TRAIN]
    assert score_baselines(unanswered, HELDOUT, NUMBER) == {}
    model = OpenAICompatible(kind="openai", base_url="http://judge", model="judge")
    spec = LlmJudge(kind="judge", model=model, criteria="right")
    asked = ScriptedTeacher(lambda _: '{"correct": true}')
    judge = Judge(spec, "####", assessor=Assessor(asked, spec, stop=lambda: False))
    assert score_baselines(TRAIN, HELDOUT, judge) == {}
    assert asked.asked == []


def make_scored(outcomes):
    completions = [Completion(f"answer {i}", True, 1, 1) for i, _ in enumerate(outcomes)]
    verdicts = [
        ReplyVerdict(
            "right" if right else "wrong answer",
            read_reply(completion.text, verifier=NUMBER.verifier, finished=True, marker="####"),
        )
        for right, completion in zip(outcomes, completions, strict=True)
    ]
    return Scored(completions, verdicts)


def test_answers_to_a_sample_are_laid_out_over_all_records():
    scored = spread(make_scored([False]), HELDOUT[1:], HELDOUT)
    assert scored.outcomes == [None, False]
    assert [one and one.text for one in scored.completions] == [None, "answer 0"]


def test_the_first_right_and_the_first_wrong_answers_are_shown():
    scored = make_scored([True, False, True])
    shown = show_examples(TRAIN, scored, num_right=1, num_wrong=1)
    assert [(one.completion, one.correct) for one in shown] == [
        ("answer 0", True),
        ("answer 1", False),
    ]


def test_the_teachers_answer_is_shown_beside_the_students_where_it_was_asked():
    asked = spread(make_scored([False]), TRAIN[1:2], TRAIN)
    shown = show_examples(TRAIN, make_scored([True, False, True]), 1, 1, asked)
    assert [(one.teacher_completion, one.teacher_correct) for one in shown] == [
        (None, None),
        ("answer 0", False),
    ]


def test_calls_are_shown_and_a_baselines_calls_are_judged_without_a_marker():
    judge = Judge(ToolCalls(kind="tool_call"), "####")
    gold = calls_text([OSLO])
    records = [make_record(number, f"{number}?", gold) for number in range(2)]
    assert score_baselines(records, records, judge)["constant_answer"] == [True, True]
    given = Completion("I look.", True, 1, 1, tool_calls=(OSLO,))
    verdict = judge.by_rule(judge.answer_in(given.text, given.tool_calls), gold)
    (shown,) = show_examples(records[:1], Scored([given], [verdict]), 1, 1)
    assert (shown.completion, shown.correct) == (f"I look.\n{gold}", True)
