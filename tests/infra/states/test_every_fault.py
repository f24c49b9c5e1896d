"""Every fault at every state of the templates: the fast form of the matrix."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.states.definition_reader import definition_of
from tests.matrix import account, page
from tests.matrix.cells import Cell, Matrix, says_what_to_do
from tests.matrix.faults import Fault, kind_of, strikes
from tests.matrix.machine import Interpreter
from tests.matrix.means import means_for
from tests.matrix.orders import WORKER
from tests.matrix.results import tried
from tests.matrix.scenarios import SCENARIOS
from tests.matrix.whole import parts, states

BY_ITS_CALL = {Fault.ERROR, Fault.THROTTLED, Fault.TIMED_OUT}


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    with Interpreter() as entered:
        yield entered


@pytest.fixture(scope="module")
def home(home_of_regions: dict[str, Any], interpreter: Interpreter) -> Matrix:
    """Of the home of a stack of several regions: its machine has every state."""
    return Matrix("home", home_of_regions, interpreter)


@pytest.fixture(scope="module")
def worker(worker_template: dict[str, Any], interpreter: Interpreter) -> Matrix:
    return Matrix("worker", worker_template, interpreter)


@pytest.fixture(scope="module")
def cells_at_home(home: Matrix) -> list[Cell]:
    return [cell for state in home.states for cell in home.row(state)]


@pytest.fixture(scope="module")
def cells_of_worker(worker: Matrix) -> list[Cell]:
    return [cell for state in worker.states for cell in worker.row(state)]


@pytest.fixture(scope="module")
def alone(template: dict[str, Any], interpreter: Interpreter) -> Matrix:
    """Of a stack of one region."""
    return Matrix("alone", template, interpreter)


def wrong(cells: list[Cell]) -> dict[str, tuple[str, ...]]:
    return {f"{cell.state}, {cell.fault}": cell.wrong for cell in cells if cell.wrong}


def differing(matrix: Matrix, other: Matrix) -> list[str]:
    """States that are not in another machine just as they are in this one."""

    def own(state: Any) -> dict[str, Any]:
        return {key: value for key, value in state.items() if key != "ItemProcessor"}

    return [
        name
        for name, state in matrix.states.items()
        if own(state) != own(other.states.get(name, {}))
    ]


@pytest.mark.parametrize("name", ["home", "worker"])
def test_every_state_finds_its_data(name: str, request: pytest.FixtureRequest) -> None:
    """A new state that reads a new field, or calls a new function, has it in `data.py`."""
    matrix: Matrix = request.getfixturevalue(name)
    ended = {state: matrix.undisturbed(state) for state in matrix.states}
    lost = {state: end.cause for state, end in ended.items() if end.error == "States.Runtime"}
    assert lost == {}


def test_every_fault_at_every_state_at_home_ends_well_or_in_words(
    cells_at_home: list[Cell],
) -> None:
    assert wrong(cells_at_home) == {}


def test_every_fault_at_every_state_of_a_worker_ends_well_or_in_words(
    cells_of_worker: list[Cell],
) -> None:
    assert wrong(cells_of_worker) == {}


def test_the_page_says_what_was_tried(
    home: Matrix, worker: Matrix, cells_at_home: list[Cell], cells_of_worker: list[Cell]
) -> None:
    """If not: `make matrix-table`."""
    machines = [(home, cells_at_home), (worker, cells_of_worker)]
    assert page.PAGE.read_text(encoding="utf-8") == page.text(machines, tried())


def test_states_that_differ_in_a_stack_of_one_region_hold_as_well(
    alone: Matrix, home: Matrix
) -> None:
    states = differing(alone, home)
    assert 0 < len(states) < len(alone.states) / 2
    assert wrong([cell for state in states for cell in alone.row(state)]) == {}


def test_a_state_that_calls_something_can_fail_by_its_call(home: Matrix, worker: Matrix) -> None:
    """No cell of theirs is left out with a reason."""
    for matrix in (home, worker):
        for name, state in matrix.states.items():
            if kind_of(state) in ("function", "answer", "job", "call"):
                assert all(not isinstance(strikes(state, f), str) for f in BY_ITS_CALL), name


def test_a_job_that_nobody_stops_is_found(home: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "goes_on", lambda described: False)
    assert any("left: training job" in told for told in home.cell("Probe", Fault.TIMED_OUT).wrong)


@pytest.mark.parametrize(
    ("missing", "machine", "struck"),
    [
        ("CleanUp", "home_of_regions", "StageEndpoint"),
        ("ReportFailure", "home_of_regions", "StageEndpoint"),
        ("GiveUp", "worker_template", "CreateJob"),
    ],
)
def test_an_end_without_its_last_states_is_found(
    missing: str,
    machine: str,
    struck: str,
    interpreter: Interpreter,
    request: pytest.FixtureRequest,
) -> None:
    """Though the event that follows would take everything back, and tell of it."""
    template = request.getfixturevalue(machine)

    def shortened(states: dict[str, Any]) -> None:
        following = states.pop(missing)["Next"]
        text = json.dumps(states).replace(f'"Next": "{missing}"', f'"Next": "{following}"')
        states.clear()
        states.update(json.loads(text))

    matrix = Matrix("shortened", changed(template, shortened), interpreter)
    assert Matrix("whole", template, interpreter).cell(struck, Fault.TIMED_OUT).wrong == ()
    assert matrix.cell(struck, Fault.TIMED_OUT).wrong


def test_a_fault_that_is_swallowed_is_found(
    home_of_regions: dict[str, Any], interpreter: Interpreter
) -> None:
    def swallowing(states: dict[str, Any]) -> None:
        states["Distill"]["Catch"][0]["Next"] = "Succeeded"

    matrix = Matrix("swallowing", changed(home_of_regions, swallowing), interpreter)
    assert matrix.cell("Distill", Fault.TIMED_OUT).wrong


def test_a_second_delivery_that_goes_on_is_found(
    home_of_regions: dict[str, Any], interpreter: Interpreter
) -> None:
    def deaf(states: dict[str, Any]) -> None:
        for caught in states["ClaimRun"]["Catch"]:
            if "DuplicateEvent" in caught["ErrorEquals"]:
                caught["Next"] = "IsFormerDrained"

    whole = Matrix("whole", home_of_regions, interpreter)
    matrix = Matrix("deaf", changed(home_of_regions, deaf), interpreter)
    for state in ("FirstAttempt", "CheckQuality", "CreateEndpoint"):
        assert whole.cell(state, Fault.EVENT_TWICE).wrong == ()
        assert any("went on" in one for one in matrix.cell(state, Fault.EVENT_TWICE).wrong)


@pytest.mark.parametrize(
    ("told", "does"),
    [
        ("Something broke. Bad luck.", False),
        ("SageMaker.SageMakerException: refused. RequestId: 1", False),
        ("KeyError: 'plan'. It is no fault of the spec: upload the spec again", False),
        ("QualityGateError: it misses its gate; ask for less", True),
        (
            "KeyError: 'plan'. It is no fault of the spec: upload the spec again, and report it if "
            "it returns.",
            True,
        ),
    ],
)
def test_a_reason_says_what_to_do_in_our_words(told: str, does: bool) -> None:
    assert says_what_to_do(told) is does


def test_a_new_state_without_its_data_is_found(
    home_of_regions: dict[str, Any], interpreter: Interpreter
) -> None:
    def longer(states: dict[str, Any]) -> None:
        states["New"] = {"Type": "Pass", "InputPath": "$.unheard_of", "End": True}
        states["FirstAttempt"]["Next"] = "New"

    matrix = Matrix("longer", changed(home_of_regions, longer), interpreter)
    ended = matrix.undisturbed("New")
    assert (ended.error, "$.unheard_of" in ended.cause) == ("States.Runtime", True)


def test_a_rule_that_misses_an_end_is_found(
    home_of_regions: dict[str, Any], interpreter: Interpreter
) -> None:
    deaf = copy.deepcopy(home_of_regions)
    for resource in deaf["Resources"].values():
        if "aws.states" in resource["Properties"].get("EventPattern", {}).get("source", ()):
            resource["Properties"]["EventPattern"]["detail"]["status"].remove("ABORTED")
    with pytest.raises(ValueError, match="only"):
        Matrix("deaf", deaf, interpreter)


def changed(template: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """A template with other states in its machine."""
    definition = definition_of(template)
    change(definition["States"])
    found = copy.deepcopy(template)
    for resource in found["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            resource["Properties"]["DefinitionString"] = json.dumps(definition)
    return found


def test_every_state_is_struck_in_runs_that_come_by_it() -> None:
    names = tuple(one.name for one in SCENARIOS)
    met = {
        (state, part.scenario.name)
        for part in parts(lambda state, fault: fault is Fault.ABORTED, names, again=True)
        for state in part.means
    }
    ends = {state for state, found in states().items() if kind_of(found) == "end"}
    assert {state for state, _ in met} == states().keys() - ends
    assert {name for state, name in met if state == "ReportRejected"} == {"rejected"}
    abroad = {one.name for one in SCENARIOS if one.abroad}
    for state in ("StageRegions", f"{WORKER}CreateJob"):
        where = {name for one, name in met if one == state}
        assert where
        assert where <= abroad
    assert not {name for state, name in met if state == "ClaimRun"} & abroad


def test_every_cell_has_means_by_which_it_is_done_to_real_processes(home: Matrix) -> None:
    for name, state in home.states.items():
        for fault in Fault:
            ways = [means.told for means in means_for(state, fault)]
            assert bool(ways) == home.can_be(name, fault), (name, fault)
            assert len(ways) == len(set(ways)), (name, fault)
