"""What calls to a model add up to."""

from training.teachers.teacher import Completion, ModelUsage


def test_usage_adds_up_and_knows_the_speed_of_what_it_waited_for():
    usage = ModelUsage(seconds=2.0)
    usage.add(Completion("kept before", True, 10, 100, usd=0.5), timed=False)
    usage.add(Completion("now", True, 5, 6, usd=0.25))
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens) == (2, 15, 106)
    assert usage.usd == 0.75
    assert usage.tokens_per_second == 3.0
    both = usage.plus(ModelUsage(calls=1, usd=1.0, seconds=1.0, timed_tokens=3))
    assert (both.calls, both.usd, both.tokens_per_second) == (3, 1.75, 3.0)
    assert ModelUsage().tokens_per_second == 0.0
