"""Records of a split, asked and scored."""

import pytest

from stratos.contracts.messages import Message, calls_text
from stratos.contracts.records import Record, write_jsonl
from stratos.contracts.shards import Shard
from stratos.errors import BudgetExhausted, DatasetRejected, TeacherFailed
from stratos.spec import Number, Regex, ToolCalls
from tests.unit.training.calling_models import OSLO, WEATHER
from tests.unit.training.fakes import ScriptedTeacher
from training.asking.questions import ask, read_drawn, read_judged, sample
from training.judging.judge import Judge
from training.models.chat import ModelReply

NUMBER = Judge(Number(kind="number"), "####")


def make_records(golds):
    return [
        Record(
            id=str(number),
            messages=(Message(role="user", content=f"{number}?"),),
            gold=gold,
            split="probe",
        )
        for number, gold in enumerate(golds)
    ]


def test_a_split_that_is_missing_says_what_the_channel_holds(tmp_path):
    write_jsonl(tmp_path / "train.jsonl", make_records(["1"]))
    with pytest.raises(DatasetRejected, match=r"no probe records \(it holds \['train.jsonl'\]\)"):
        read_drawn(tmp_path, "probe", None, 0)


def test_only_records_that_can_be_scored_are_read(tmp_path):
    write_jsonl(tmp_path / "probe.jsonl", make_records(["1", None, "3"]))
    judged = read_judged(tmp_path, "probe", NUMBER).records
    assert [record.id for record in judged] == ["0", "2"]
    anything = Judge(Regex(kind="regex", pattern=".*"), "####")
    assert len(read_judged(tmp_path, "probe", anything).records) == 3
    write_jsonl(tmp_path / "probe.jsonl", make_records([None]))
    with pytest.raises(DatasetRejected, match="the number verifier needs one"):
        read_judged(tmp_path, "probe", NUMBER)


def test_a_sample_follows_from_the_seed_alone():
    records = make_records(["1"] * 30)
    assert sample(records, 5, seed=1) == sample(records, None, seed=1)[:5]
    assert sample(records, 5, seed=1) != sample(records, 5, seed=2)


@pytest.mark.parametrize("limit", [None, 5, 50])
def test_records_drawn_from_a_file_are_those_that_a_sample_of_all_draws(tmp_path, limit):
    records = make_records(["1", None, "3"] * 10)
    write_jsonl(tmp_path / "train.jsonl", records)
    assert read_drawn(tmp_path, "train", limit, 7) == sample(records, limit, 7)
    judged = [record for record in records if record.gold]
    drawn = read_drawn(tmp_path, "train", limit, 7, wanted=lambda one: bool(one.gold))
    assert drawn == sample(judged, limit, 7)


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_shards_draw_together_what_one_job_draws_and_nothing_twice(tmp_path, count):
    write_jsonl(tmp_path / "train.jsonl", make_records(["1", None, "3"] * 10))
    shards = [Shard(index=index, count=count) for index in range(count)]
    parts = [read_drawn(tmp_path, "train", 25, 7, shard=shard) for shard in shards]
    assert [one for part in parts for one in part] == read_drawn(tmp_path, "train", 25, 7)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("limit", [None, 4, 50])
def test_shards_sample_together_what_one_job_samples_of_the_judged(tmp_path, limit):
    write_jsonl(tmp_path / "heldout.jsonl", make_records(["1", None, "3"] * 10))
    alone = read_judged(tmp_path, "heldout", NUMBER)
    drawn = []
    for index in range(3):
        part = read_judged(tmp_path, "heldout", NUMBER, Shard(index=index, count=3))
        assert (len(part.records), part.total) == (len(part.positions), 20)
        drawn += [one.id for one in part.drawn(limit, seed=0)]
    assert sorted(drawn) == sorted(one.id for one in alone.drawn(limit, seed=0))
    assert alone.drawn(limit, seed=0) == sample(alone.records, limit, seed=0)


@pytest.mark.parametrize("limit", [None, 5])
def test_nothing_is_drawn_from_a_split_that_is_missing_or_empty(tmp_path, limit):
    for records in (None, []):
        if records is not None:
            write_jsonl(tmp_path / "train.jsonl", records)
        with pytest.raises(DatasetRejected, match="has no train records"):
            read_drawn(tmp_path, "train", limit, 0)


def ask_all(records, stop):
    teacher = ScriptedTeacher(lambda request: f"#### {request.messages[0].content[:-1]}")
    told = []
    scored = ask(
        teacher, records, NUMBER, max_new_tokens=4, stop=stop, on_done=lambda n: told.append(n)
    )
    return scored, told


def test_answers_are_scored_and_those_not_given_in_time_are_left_open():
    records = make_records(["0"] * 25)
    answers_left = iter([False] * 20 + [True] * 5)
    scored, told = ask_all(records, lambda: next(answers_left))
    assert scored.outcomes == [True] + [False] * 19 + [None] * 5
    assert (scored.accuracy.successes, scored.accuracy.n) == (1, 20)
    assert (scored.mean_prompt_tokens, scored.mean_completion_tokens) == (5, 2)
    assert told == list(range(1, 21))


def test_too_few_answers_to_tell_an_accuracy_are_an_error():
    answers_left = iter([False] * 19 + [True] * 6)
    with pytest.raises(TeacherFailed, match="19 of 25 questions were answered by scripted"):
        ask_all(make_records(["0"] * 25), lambda: next(answers_left))


def test_no_money_for_even_one_question_is_no_error_where_others_ask_more_of_them():
    def refuse(_request):
        raise BudgetExhausted("the next could exceed the budget")

    def ask_some(in_part):
        return ask(
            ScriptedTeacher(refuse),
            make_records(["0"] * 25),
            NUMBER,
            max_new_tokens=4,
            stop=lambda: False,
            on_done=lambda _: None,
            in_part=in_part,
        )

    assert ask_some(in_part=True).graded("scripted").outcomes == "-" * 25
    with pytest.raises(BudgetExhausted):
        ask_some(in_part=False)


def test_a_record_offers_its_tools_and_its_calls_are_judged():
    teacher = ScriptedTeacher(lambda _: ModelReply("I look.", (OSLO,)))
    (record,) = make_records([calls_text([OSLO])])
    offered = record.model_copy(update={"tools": (WEATHER,), "tool_choice": "required"})
    judge = Judge(ToolCalls(kind="tool_call"), "####")
    scored = ask(
        teacher, [offered], judge, max_new_tokens=5, stop=lambda: False, on_done=lambda _: None
    )
    assert (teacher.asked[0].tools, teacher.asked[0].tool_choice) == ((WEATHER,), "required")
    assert scored.outcomes == [True]
