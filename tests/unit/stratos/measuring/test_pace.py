"""The pace of an endpoint, from outside."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from stratos.measuring.load import Reply
from stratos.measuring.pace import Alone, measure_pace


@dataclass
class Endpoint:
    """Reads `prefill` and writes `decode` tokens a second of a clock that only it moves."""

    prefill: float
    decode: float
    seconds: float = 0.0
    broken: bool = False
    asked: int = 0

    def now(self) -> float:
        return self.seconds

    def sleep_until(self, moment: float) -> None:
        self.seconds = max(self.seconds, moment)

    def ask(self, question: int, max_tokens: int | None) -> Reply:
        self.asked += 1
        if self.broken:
            raise ConnectionError("gone")
        written = max_tokens or 1 + question % 7
        self.seconds += question / self.prefill + (written - 1) / self.decode
        return Reply(completion_tokens=written, prompt_tokens=question)


@pytest.mark.parametrize(("prefill", "decode"), [(2000.0, 80.0), (150.0, 400.0)])
def test_reading_and_writing_are_told_apart(prefill: float, decode: float) -> None:
    endpoint = Endpoint(prefill, decode)
    alone = measure_pace(endpoint.ask, range(20, 40), endpoint)
    found = alone.pace
    assert found is not None
    assert not alone.failed
    assert found.prefill_tokens_per_second == pytest.approx(prefill)
    assert found.decode_tokens_per_second == pytest.approx(decode)


def test_answers_of_a_single_token_have_no_pace() -> None:
    endpoint = Endpoint(100.0, 10.0)
    assert measure_pace(endpoint.ask, [7, 14, 21, 28], endpoint) == Alone()


def test_a_single_question_has_no_pace() -> None:
    endpoint = Endpoint(100.0, 10.0)
    assert measure_pace(endpoint.ask, [9], endpoint) == Alone()


def test_an_endpoint_that_fails_is_asked_once_and_no_more() -> None:
    broken = Endpoint(100.0, 10.0, broken=True)
    assert measure_pace(broken.ask, range(20, 40), broken) == Alone(failed=True)
    assert broken.asked == 1
