"""How long a request an endpoint must hold."""

from __future__ import annotations

from stratos.planning.forecast.sizing import COUNT_MARGIN, MOST_TEMPLATE_TOKENS, Requests
from tests.unit.stratos.planning.planning_inputs import model, request, spec


def requests(longest: float | None, declared: int | None = None, reply: int = 512) -> Requests:
    task = {"dataset": "d.jsonl", "verifier": {"kind": "exact"}, "max_reply_tokens": reply}
    load = {} if declared is None else {"prompt_tokens": declared}
    asked = request(
        asked=spec(task=task, load=load),
        facts={"prompt_tokens": 60.0, "longest_prompt_tokens": longest, "answer_tokens": 10.0},
    )
    return Requests(asked.spec, asked.dataset)


def test_the_context_holds_the_longest_prompt_with_its_template_and_the_longest_reply() -> None:
    needed = MOST_TEMPLATE_TOKENS + COUNT_MARGIN * 400 + 512
    assert needed <= requests(400.0).context_tokens(model(), "cuda") < needed + 256


def test_where_only_a_mean_is_known_the_longest_prompt_is_taken_for_several_times_that() -> None:
    contexts = [requests(longest).context_tokens(model(), "cuda") for longest in (None, 240.0)]
    assert contexts[0] == contexts[1]


def test_a_load_of_longer_prompts_than_the_dataset_counts() -> None:
    assert requests(100.0, declared=900).context_tokens(model(), "cuda") > 900 + 512


def test_the_context_is_never_beyond_that_of_the_student() -> None:
    assert requests(400.0).context_tokens(model(context_tokens=512), "cuda") == 512


def test_on_cpus_it_is_never_beyond_what_llama_cpp_computes_alike() -> None:
    student = model(context_tokens=4_096, llama_cpp_context_tokens=768)
    assert requests(400.0).context_tokens(student, "cpu") == 768
    assert requests(400.0).context_tokens(student, "cuda") > 768


def test_a_long_system_prompt_of_the_template_has_its_room() -> None:
    short, long = model(template_tokens=30.0), model(template_tokens=800.0)
    grown = [requests(400.0).context_tokens(student, "cuda") for student in (short, long)]
    assert grown[1] - grown[0] >= 800 - MOST_TEMPLATE_TOKENS


def test_a_student_that_cannot_hold_the_longest_prompt_and_the_longest_reply_is_refused() -> None:
    assert requests(400.0, reply=112).obstacle(model(context_tokens=512), "cuda") is None
    # A mean answer of 10 tokens would fit, but requests ask for 113 and vLLM refuses them.
    refusal = requests(400.0, reply=113).obstacle(model(context_tokens=512), "cuda")
    assert refusal is not None
    assert "context of 512 tokens cannot hold the longest prompt, about 400" in refusal
    assert "a reply of 113; lower task.max_reply_tokens" in refusal


def test_nothing_is_refused_on_a_guess() -> None:
    assert requests(None).obstacle(model(context_tokens=128), "cuda") is None
    assert requests(10_000.0).obstacle(model(), "cuda") is None
