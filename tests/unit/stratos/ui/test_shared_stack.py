"""The stack is found when it is needed, and again after a fault."""

from __future__ import annotations

import pytest

from stratos.errors import StackNotFound
from stratos.ui.shared_stack import SharedStack


def test_the_stack_is_found_once_and_after_it_was_forgotten_again(stack):
    found = []
    account = SharedStack(lambda: found.append(stack) or stack)
    assert account.stack() is account.stack() is stack
    assert len(found) == 1
    account.forget()
    assert account.stack() is stack
    assert len(found) == 2


def test_a_stack_that_is_not_there_yet_may_come(stack):
    answers = [StackNotFound("not yet"), stack]

    def find():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    account = SharedStack(find)
    with pytest.raises(StackNotFound):
        account.stack()
    assert account.stack() is stack
