from stratos.contracts.messages import Message, NamedTool, Tool
from tests import tool_templates
from tests.unit.training.calling_models import OSLO, QUESTION, WEATHER, calling_model
from tests.unit.training.tiny_models import make_local, tool_tokenizer
from training.models.chat import Dialogue
from training.models.generation import Sampling, generate_batch
from training.teachers.teacher import Request
from training.teachers.weights import WeightsTeacher


def ask(content, **settings):
    return Request((Message(role="user", content=content),), **{"max_new_tokens": 8} | settings)


def answer(teacher, requests, stop=lambda: False):
    return teacher.generate(requests, stop=stop, on_answer=lambda *_: None)


def test_requests_are_answered_in_their_order_each_by_its_own_settings():
    local = make_local()
    requests = [
        ask("a"),
        ask("a longer question", max_new_tokens=5),
        ask("b", temperature=0.7),
        ask("c"),
    ]
    together = answer(WeightsTeacher(local, batch_size=2), requests)
    alone = [answer(WeightsTeacher(local, batch_size=2), [request])[0] for request in requests]
    assert together == alone
    assert together[1].completion_tokens <= 5
    prompt = local.chat.prompts([Dialogue(requests[0].messages)])[0]
    (direct,) = generate_batch(local.model, [prompt], Sampling(8, local.chat.eos))
    assert together[0].text == local.chat.text(direct.tokens)
    assert together[0].prompt_tokens == len(prompt)


def test_repeated_samples_differ_and_can_be_repeated():
    teacher = WeightsTeacher(make_local(), batch_size=4)
    requests = [ask("a", temperature=1.0, sample=sample) for sample in range(4)]
    first = answer(teacher, requests)
    assert len({completion.text for completion in first}) > 1
    assert answer(teacher, requests) == first
    assert teacher.usage.calls == 8


def test_a_prompt_beyond_the_models_positions_is_answered_with_nothing():
    teacher = WeightsTeacher(make_local(max_position_embeddings=32), batch_size=4)
    told = []
    completions = teacher.generate(
        [ask("x" * 50), ask("y")],
        stop=lambda: False,
        on_answer=lambda index, _: told.append(index),
    )
    assert (completions[0].text, completions[0].finished) == ("", False)
    assert completions[1].completion_tokens > 0
    assert sorted(told) == [0, 1]


def test_a_batch_under_way_counts_its_tokens_until_it_is_answered():
    teacher = WeightsTeacher(make_local(), batch_size=4)
    seen = []
    count = teacher._count_step

    def watch(num_tokens):
        count(num_tokens)
        seen.append(teacher.usage.under_way)

    teacher._count_step = watch
    answer(teacher, [ask("a"), ask("b")])
    assert seen[0] == 2
    assert seen == sorted(seen)
    assert teacher.usage.under_way == 0


def test_a_model_that_would_not_call_begins_the_call_that_is_required():
    local = make_local(tool_tokenizer(tool_templates.NAMED), max_position_embeddings=1024)
    teacher = WeightsTeacher(local, batch_size=4)
    settings = {"max_new_tokens": 60, "tools": (Tool(name="sun"), Tool(name="rain"))}
    free, named = answer(
        teacher, [ask("?", **settings), ask("?", **settings, tool_choice=NamedTool(name="rain"))]
    )
    assert not free.tool_calls
    (call,) = named.tool_calls
    assert "[TOOL_CALLS]rain[CALL_ID]" in str(call.arguments), "babble follows"
    assert named.completion_tokens <= 60


def test_a_call_that_is_required_is_the_one_that_the_model_makes_by_itself():
    teacher = WeightsTeacher(calling_model(tool_templates.TAGS), batch_size=4)
    choices = (None, "required", NamedTool(name="weather"))
    requests = [Request((QUESTION,), 150, tools=(WEATHER,), tool_choice=one) for one in choices]
    by_itself, *required = answer(teacher, requests)
    assert [call.arguments for call in by_itself.tool_calls] == [OSLO.arguments]
    assert required == [by_itself, by_itself]
