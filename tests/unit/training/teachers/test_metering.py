import math

import pytest

from stratos.contracts.messages import Tool
from tests.unit.training.fakes import ask
from training.teachers.metering import Meter, Prices, prompt_bound

FIELDS = ("in", "out")


@pytest.fixture
def meter():
    return Meter("m", Prices(input_usd=1.0, output_usd=2.0))


def test_what_is_reported_is_counted(meter):
    billed = meter.read(ask("q"), {"in": 30, "out": 4.0}, FIELDS, "text")
    assert (billed.prompt_tokens, billed.completion_tokens) == (30, 4)
    assert billed.usd == pytest.approx((30 + 2 * 4) / 1e6)


@pytest.mark.parametrize("odd", [-1, math.nan, math.inf, 10**400, True, "12", None, [3]])
def test_no_number_of_tokens_is_a_bound_instead(meter, odd):
    request = ask("a question of some length", max_new_tokens=50)
    billed = meter.read(request, {"in": odd, "out": odd}, FIELDS, "short")
    assert billed.prompt_tokens == prompt_bound(request)
    assert 1 <= billed.completion_tokens <= 50
    assert meter.read(request, {"in": odd, "out": odd}, FIELDS, None).completion_tokens == 50


def test_tools_and_letters_of_several_bytes_raise_the_bound():
    tool = Tool(name="look_up", description="Finds a thing. " * 20)
    plain = prompt_bound(ask("word"))
    assert prompt_bound(ask("word", tools=(tool,))) >= plain + 300 // 3
    assert prompt_bound(ask("\u65e5" * 300)) >= 300
    prices = Prices(input_usd=1.0)
    assert prices.at_most(ask("word", tools=(tool,))) > prices.at_most(ask("word"))
