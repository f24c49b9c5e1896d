"""Choice states as the States Language has them, where moto's rules are more lenient.

https://states-language.net/#choice-state
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (  # noqa: E501
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_variable import (
    ComparisonVariable,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.is_operator import (  # noqa: E501
    IsTimestamp,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.string_operators import (  # noqa: E501
    StringMatches,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.variable import (
    NoSuchVariable,
)
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from infra.local.host.patching import Patches


def mend_choices(patches: Patches) -> None:
    """Install the rules; `patches.restore()` takes them back."""

    def evaluate(state: Any, env: Any) -> None:
        try:
            original_evaluate(state, env)
        except RuntimeError as error:
            if not str(error.args[0]).startswith("No branching option"):
                raise
            cause = f"no rule of {state.name} matches its input"
            raise _failure(env, StatesErrorNameType.StatesNoChoiceMatched, cause) from error

    original_evaluate = patches.replace(StateChoice, "_eval_state", evaluate)
    patches.replace(ComparisonVariable, "_eval_body", _compare)
    patches.replace(StringMatches, "_compare", staticmethod(matches))
    patches.replace(IsTimestamp, "string_to_timestamp", staticmethod(_timestamp))


def matches(text: Any, pattern: str) -> bool:
    r"""Whether a text is what `StringMatches` asks for: `*` stands for any characters.

    `\*` is an asterisk and `\\` a backslash; no other character is special.
    """
    return isinstance(text, str) and _expression(pattern).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    pieces = re.findall(r"\\[\\*]|.", pattern, re.DOTALL)
    return re.compile(
        "".join(".*" if piece == "*" else re.escape(piece[-1]) for piece in pieces), re.DOTALL
    )


def _compare(comparison: Any, env: Any) -> None:
    """A rule about a value that is not there fails, unless it asks whether it is there."""
    comparison.variable.eval(env)
    asked = comparison.comparison_function.operator_type
    path = comparison.variable.string_sampler.literal_value
    invalid = (
        f"Invalid path '{path}': The choice state's condition path references an invalid value."
    )
    if asked is not ComparisonOperatorType.IsPresent and isinstance(env.stack[-1], NoSuchVariable):
        raise _failure(env, StatesErrorNameType.StatesRuntime, invalid)
    try:
        comparison.comparison_function.eval(env)
    except TypeError as error:  # What a `…Path` operator found is of another type.
        raise _failure(env, StatesErrorNameType.StatesRuntime, invalid) from error


def _failure(env: Any, kind: StatesErrorNameType, cause: str) -> FailureEventException:
    name = StatesErrorName(kind)
    details = ExecutionFailedEventDetails(error=name.error_name, cause=cause)
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.ExecutionFailed,
            event_details=EventDetails(executionFailedEventDetails=details),
        )
    )


def _timestamp(text: str) -> datetime | None:
    """A time in the profile of RFC 3339 that Step Functions takes, or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if "T" in text and moment.tzinfo else None
