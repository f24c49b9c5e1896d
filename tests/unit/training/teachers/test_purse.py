from training.teachers.purse import Purse
from training.teachers.teacher import Charge, Completion


def test_what_calls_can_cost_is_set_aside():
    purse = Purse(10.0)
    assert purse.set_aside(0, 6.0)
    assert not purse.set_aside(1, 6.0)
    purse.release(0)
    purse.add(Completion("a", True, 1, 1, usd=3.0))
    assert purse.set_aside(1, 7.0)
    assert not purse.set_aside(2, 0.1)


def test_a_failed_attempt_is_counted_and_may_leave_no_money_for_another():
    purse = Purse(10.0)
    purse.set_aside(0, 6.0)
    assert purse.charge(Charge(5, 2, 4.0))
    assert not purse.charge(Charge(5, 2, 4.0))
    assert (purse.usage.calls, purse.usage.prompt_tokens, purse.usage.usd) == (0, 10, 8.0)


def test_without_a_budget_everything_may_be_asked():
    purse = Purse(None)
    assert purse.set_aside(0, 1e9)
    assert purse.charge(Charge(1, 1, 1e9))
