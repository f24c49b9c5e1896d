"""Requests as tokens, without those too long to read."""

from tests.unit.training.fakes import ask
from tests.unit.training.tiny_models import make_tokenizer
from training.models.chat import ChatFormat
from training.teachers.tokenized import tokenize_requests


def test_a_request_too_long_to_read_is_answered_at_once_with_nothing():
    told = {}
    found = tokenize_requests(
        [ask("x" * 50), ask("y")],
        ChatFormat(make_tokenizer()),
        max_positions=32,
        name="tiny",
        on_answer=told.__setitem__,
    )
    assert found.readable == [1]
    assert found.completions == [told[0], None]
    assert (told[0].text, told[0].finished, told[0].prompt_tokens) == ("", False, 52)
