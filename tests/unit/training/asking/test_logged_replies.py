"""Replies that the dataset has already."""

from stratos.contracts.messages import Message, ToolCall
from stratos.contracts.records import Record
from stratos.spec import Number, ToolCalls
from training.asking.logged_replies import score_logged, take_logged
from training.judging.judge import Judge

NUMBERS = Judge(Number(kind="number"), "####")


def record(name, reply, gold="4", **fields):
    said = Message(role="assistant", content=reply) if isinstance(reply, str) else reply
    asked = (Message(role="user", content="2 + 2?"),)
    return Record(id=name, messages=asked, reply=said, gold=gold, **fields)


def test_right_replies_are_learned_byte_for_byte_and_others_counted():
    records = [
        record("right", "Two and two.\n#### 4\n"),
        record("wrong", "#### 5"),
        record("none", None),
        record("ungraded", "Who knows?", gold=None),
        record("empty", ""),
    ]
    outcome = take_logged(records, NUMBERS, keep_thinking=False)
    assert [one.id for one in outcome.records] == ["right", "ungraded"]
    assert outcome.records[0].completion == "Two and two.\n#### 4\n"
    assert outcome.records[0].strategy == "alignment"
    assert (outcome.asked, outcome.kept) == ({"logs": 4}, {"logs": 2})
    assert outcome.rejects == {"wrong answer": 1, "empty": 1}
    shown = outcome.rejected.attempts()
    assert {(one.id, one.reason) for one in shown} == {
        ("wrong", "wrong answer"),
        ("empty", "empty"),
    }


def test_thinking_is_learned_only_if_asked_for():
    thinks = [record("a", "<think>2, 2</think>\n#### 4")]
    cut = take_logged(thinks, NUMBERS, keep_thinking=False).records[0]
    whole = take_logged(thinks, NUMBERS, keep_thinking=True).records[0]
    assert (cut.completion, whole.completion) == ("#### 4", "<think>2, 2</think>\n#### 4")


def test_the_jobs_checker_reads_a_reply_without_a_marker_whole():
    def check(question, answer, rationale):
        return [] if "carefully" in rationale else ["it is careless"]

    judge = Judge(Number(kind="number"), "####", check)
    records = [record("a", "4, carefully"), record("b", "4"), record("c", "carefully\n#### 4")]
    outcome = take_logged(records, judge, keep_thinking=False)
    assert [one.id for one in outcome.records] == ["a", "c"]
    assert outcome.rejects == {"checker: it is careless": 1}


def test_calls_are_judged_and_learned_with_their_text():
    call = ToolCall(name="add", arguments={"a": 2, "b": 2}, id="c1")
    reply = Message(role="assistant", content="Let me add.", tool_calls=(call,))
    gold = '[{"name": "add", "arguments": {"b": 2, "a": 2}}]'
    judge = Judge(ToolCalls(kind="tool_call"), "####")
    outcome = take_logged(
        [
            record("right", reply, gold),
            record("wrong", "4", gold),
            record("no call", "4", "[]"),
            record("silent", "", "[]"),
        ],
        judge,
        keep_thinking=False,
    )
    assert [one.id for one in outcome.records] == ["right", "no call"]
    taught = outcome.records[0]
    assert (taught.completion, taught.tool_calls) == ("Let me add.", (call,))
    assert outcome.records[1].tool_calls is None
    assert outcome.rejects == {"wrong answer": 1, "empty": 1}


def test_scores_have_a_place_for_every_record_and_cost_nothing():
    scored = score_logged(
        [record("a", "#### 4"), record("b", None), record("c", "#### 5")], NUMBERS
    )
    assert scored.outcomes == [True, None, False]
    assert scored.completions[1] is None
    assert [one.usd for one in scored.completions if one] == [0.0, 0.0]
    assert scored.accuracy.n == 2
