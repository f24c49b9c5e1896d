"""Every CloudFormation type that is handled here has one handler, called after it."""

from __future__ import annotations

from infra.local.cloudformation import resources
from infra.local.cloudformation.resources import HANDLERS


def test_a_handler_is_called_after_the_type_it_makes() -> None:
    for name, handler in HANDLERS.items():
        assert type(handler).__name__ == name.removeprefix("AWS::").replace("::", "")


def test_no_type_is_handled_twice() -> None:
    modules = (module for module in vars(resources).values() if hasattr(module, "HANDLERS"))
    assert sum(len(module.HANDLERS) for module in modules) == len(HANDLERS)
