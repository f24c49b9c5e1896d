"""The cells of the matrix: a state, a fault, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.states.definition_reader import State, definition_of
from stratos.pipeline.failures import ADVICE, DOMAIN_ERRORS
from tests.matrix.account import LIVE, PROMOTED, Account
from tests.matrix.data import DATA, at
from tests.matrix.faults import Fault, Strike, strikes
from tests.matrix.machine import Ended, Interpreter, Machine

BAD_ENDS = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
"""Statuses after which the stack's rule calls a function from outside."""
_SPECIAL = {"hand_over", "claim_run", "clean_up", "report", "give_up", "diagnose_job"}
"""Modules whose answers `Account` gives itself."""
_ENDINGS = {"clean_up", "report", "give_up"}
"""Modules by which a machine ends a run."""
_NAMED_BY_ITS_JOB = (
    "a worker's execution has its job's name, under which Step Functions begins no other"
)


@dataclass(frozen=True)
class Cell:
    """What came of a fault at a state. It holds where nothing is wrong."""

    machine: str
    state: str
    fault: Fault
    outcome: str
    """In words: how the run ended, or why the fault cannot be."""
    tried: int = 0
    """In how many ways; 0 where it cannot be."""
    wrong: tuple[str, ...] = ()


class Matrix:
    """Every state of one template's machine against every fault, in this process."""

    def __init__(self, name: str, template: Mapping[str, Any], interpreter: Interpreter) -> None:
        self.name = name
        self._functions = functions = modules_of(template)
        self.machine = Machine(interpreter, definition_of(template), functions)
        self._outside = _called_from_outside(template, functions)
        self._answers = dict(self._find_answers())

    @property
    def states(self) -> dict[str, State]:
        """Every state by name, those within Maps too."""
        return self.machine.states

    def account(self) -> Account:
        """One in which no run has begun."""
        return Account(self.machine.modules, self._answers)

    def undisturbed(self, state: str) -> Ended:
        """What comes of entering a state with the data of `tests/matrix/data.py`."""
        return self.machine.run(self.account(), DATA, state)

    def can_be(self, state: str, fault: Fault) -> bool:
        """Whether a state has something that a fault could strike."""
        return not isinstance(strikes(self.states[state], fault), str)

    def row(self, state: str) -> list[Cell]:
        """Every fault at one state."""
        return [self.cell(state, fault) for fault in Fault]

    def cell(self, state: str, fault: Fault) -> Cell:
        """Try a fault in every way in which it shows itself at a state."""
        ways = strikes(self.states[state], fault)
        if fault is Fault.EVENT_TWICE and self._outside != "clean_up":
            ways = _NAMED_BY_ITS_JOB
        if isinstance(ways, str):
            return Cell(self.name, state, fault, f"cannot be: {ways}")
        wrong: list[str] = []
        outcomes: dict[str, None] = {}
        for strike in ways:
            outcome, found = self._try(state, strike)
            outcomes.setdefault(outcome)
            wrong += [f"{strike.error or fault}{' once' * strike.once}: {one}" for one in found]
        return Cell(self.name, state, fault, " / ".join(outcomes), len(ways), tuple(wrong))

    def _try(self, state: str, strike: Strike) -> tuple[str, list[str]]:
        """One way. Returns what came of it, and what of that is wrong."""
        account = self.account()
        account.claimed = state != self.machine.start_at
        if strike.doubles:
            return self._events_again(account, state, strike)
        ended = self._run(account, state, strike)
        wrong = self._faults_of(account, ended, strike) if self._had_its_say(state, ended) else []
        if ended.status in BAD_ENDS:
            self._after(account, ended)
        return _outcome(account, ended), wrong or self._faults_of(account, ended, strike)

    def _had_its_say(self, state: str, ended: Ended) -> bool:
        """Whether the machine has ended a run itself, so that the event finds nothing left to do.

        One that was cut short, or whose last states were struck, leaves that to the event.
        """
        last = self.states[ended.path[-1]] if ended.path else {}
        return last.get("Type") == "Fail" and self._module_of(self.states[state]) not in _ENDINGS

    def _run(self, account: Account, state: str, strike: Strike) -> Ended:
        """From the state to the end; a state of a Map that ends its item ends its Map too."""
        ended = self.machine.run(account, _data_of(self.states[state], strike), state, strike)
        around = self.machine.map_of.get(state)
        if around is None or ended.status != "FAILED":
            return ended
        error = Strike(ended.error, ended.cause)
        whole = self.machine.run(account, DATA, around, error)
        whole.path = [*ended.path, *whole.path]
        whole.struck = ended.struck
        return whole

    def _after(self, account: Account, ended: Ended) -> None:
        """The status change event, which EventBridge may deliver again and late."""
        for _ in range(2):
            getattr(account, f"_{self._outside}")({"event": {"detail": ended.detail}}, "")

    def _events_again(self, account: Account, state: str, strike: Strike) -> tuple[str, list[str]]:
        """The run's event begins another execution while the first is at a state, and one later."""
        wrong: list[str] = []

        def deliver() -> None:
            before = account.seen()
            duplicate = Strike("DuplicateEvent", "claimed by another execution")
            second = self.machine.run(account, DATA, strike=duplicate, at=self.machine.start_at)
            if second.status != "SUCCEEDED" or len(second.path) > 2:
                wrong.append(f"a later delivery went on: {' → '.join(second.path)}")
            if account.seen() != before:
                wrong.append("a later delivery changed what the first had made")

        alone = self.undisturbed(state)
        first = self.machine.run(account, DATA, state, strike, meanwhile=deliver)
        deliver()
        if not first.struck:
            wrong.append("the state was never reached")
        # Items of a Map take turns as they like.
        if (first.status, sorted(first.path)) != (alone.status, sorted(alone.path)):
            wrong.append(f"the first went another way: {' → '.join(first.path)}")
        return "the first goes on, the second ends at once", wrong

    def _faults_of(self, account: Account, ended: Ended, strike: Strike) -> list[str]:
        wrong = []
        if not ended.struck:
            wrong.append("the state was never reached")
        if account.billed and not ended.went_on:
            wrong.append(f"left: {', '.join(f'{k} {n}' for n, k in account.billed.items())}")
        if account.in_service not in (PROMOTED, LIVE) and not ended.went_on:
            wrong.append(f"{account.in_service} is in service, which nothing promoted")
        if ended.status != "SUCCEEDED" and not account.told:
            wrong.append(f"nobody was told of {ended.error or ended.status}")
        for told in account.told:
            if not says_what_to_do(told):
                wrong.append(f"no word on what to do: {told}")
        return wrong

    def _module_of(self, state: State) -> str | None:
        """The handler that a state calls; None if it calls none."""
        named = state.get("Parameters", {}).get("FunctionName", state.get("Resource"))
        return self._functions.get(named)

    def _find_answers(self) -> Iterator[tuple[str, Any]]:
        """Of each function: what `DATA` holds where its state's result goes."""
        for state in self.states.values():
            module = self._module_of(state)
            if module is None or module in _SPECIAL:
                continue
            path = state.get("ResultPath", "$") or "$.reported"
            yield module, at(path)


def modules_of(template: Mapping[str, Any]) -> dict[str, str]:
    """Function of ours, as the definition names it → its handler's module."""
    return {
        f"<{resource_id}.Arn>": resource["Properties"]["Handler"].split(".")[2]
        for resource_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
        and resource["Properties"].get("Handler", "").startswith("lambdas.handlers.")
    }


def _data_of(state: State, strike: Strike) -> dict[str, Any]:
    return strike.without(DATA) if strike.removes else DATA


def _called_from_outside(template: Mapping[str, Any], functions: Mapping[str, str]) -> str:
    """The module that the rule for executions that ended badly calls.

    Raises:
        ValueError: No rule does, or it misses a way to end.
    """
    for resource in template["Resources"].values():
        pattern = resource["Properties"].get("EventPattern", {})
        if "aws.states" not in pattern.get("source", ()):
            continue
        if set(pattern["detail"]["status"]) != BAD_ENDS:
            raise ValueError(f"the rule hears of {pattern['detail']['status']} only")
        [target] = resource["Properties"]["Targets"]
        return functions[f"<{target['Arn']['Fn::GetAtt'][0]}.Arn>"]
    raise ValueError("no rule hears of executions that ended badly")


def says_what_to_do(told: str) -> bool:
    """Whether a reason says what to do: by our advice at its end, or as our errors' messages do."""
    ours = any(f"{name}: " in told for name in DOMAIN_ERRORS)
    advised = any(told.endswith(f"{advice}.") for advice in ADVICE)
    return "stackTrace" not in told and (ours or advised)


def _outcome(account: Account, ended: Ended) -> str:
    if ended.went_on:
        return "goes on with its next state"
    if ended.status == "SUCCEEDED":
        return "goes on to a good end"
    return account.told[0] if account.told else f"ends as {ended.status} without a word"
