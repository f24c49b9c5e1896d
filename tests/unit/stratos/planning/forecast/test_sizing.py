"""How long a request an endpoint must hold."""

from __future__ import annotations

from stratos.planning.forecast.sizing import COUNT_MARGIN, TEMPLATE_TOKENS, Requests
from tests.unit.stratos.planning.planning_inputs import request, spec


def requests(longest: float | None, declared: int | None = None, reply: int = 512) -> Requests:
    task = {"dataset": "d.jsonl", "verifier": {"kind": "exact"}, "max_reply_tokens": reply}
    load = {} if declared is None else {"prompt_tokens": declared}
    asked = request(
        asked=spec(task=task, load=load),
        facts={"prompt_tokens": 60.0, "longest_prompt_tokens": longest, "answer_tokens": 10.0},
    )
    return Requests(asked.spec, asked.dataset)


def test_the_context_holds_the_longest_prompt_with_its_template_and_the_longest_reply() -> None:
    needed = TEMPLATE_TOKENS + COUNT_MARGIN * 400 + 512
    assert needed <= requests(400.0).context_tokens(None) < needed + 256


def test_where_only_a_mean_is_known_the_longest_prompt_is_taken_for_several_times_that() -> None:
    assert requests(None).context_tokens(None) == requests(240.0).context_tokens(None)


def test_a_load_of_longer_prompts_than_the_dataset_counts() -> None:
    assert requests(100.0, declared=900).context_tokens(None) > 900 + 512


def test_the_context_is_never_beyond_that_of_the_student() -> None:
    assert requests(400.0).context_tokens(512) == 512


def test_a_student_that_cannot_hold_the_longest_prompt_and_the_longest_reply_is_refused() -> None:
    assert requests(400.0, reply=112).obstacle(512) is None
    # A mean answer of 10 tokens would fit, but requests ask for 113 and vLLM refuses them.
    refusal = requests(400.0, reply=113).obstacle(512)
    assert refusal is not None
    assert "context of 512 tokens cannot hold the longest prompt, about 400" in refusal
    assert "a reply of 113; lower task.max_reply_tokens" in refusal


def test_nothing_is_refused_on_a_guess() -> None:
    assert requests(None).obstacle(128) is None
    assert requests(10_000.0).obstacle(None) is None
