"""The operator at night: what runs, why not, how it is ended; nothing that leads nowhere."""

from __future__ import annotations

import json

import pytest

from tests.people.doc_runner import Step

pytestmark = pytest.mark.tutorial
NOT_FOUND, INFEASIBLE, REFUSED = 6, 7, 4


def test_an_unknown_run_is_told_with_those_that_are_there(ask, run_id, has) -> None:
    told = ask("stratos report no-such-run")
    assert told.exit_code == NOT_FOUND
    assert run_id in told.output
    has("submit", "--plan")  # with it, `watch` looks before it waits
    told = ask("stratos watch no-such-run")
    assert told.exit_code == NOT_FOUND
    assert "waiting" not in told.output


def test_a_spec_that_no_plan_holds_is_answered_as_any_other(ask, has) -> None:
    has("submit", "--plan")
    ask("cp -r my-logs strict && sed -i 's/latency_ms: 2000/latency_ms: 1/' strict/spec.yaml")
    told = ask("stratos plan strict --json 2> /dev/null")
    assert told.exit_code == INFEASIBLE
    answer = json.loads(told.output)
    assert answer["infeasible"]
    assert all(one["command"].startswith("stratos plan") for one in answer["advice"])
    assert ask("stratos plan strict --html strict.html").exit_code == INFEASIBLE
    assert "<html" in ask("cat strict.html").output


def test_a_spec_with_a_mistake_is_refused_by_line_and_nothing_is_uploaded(ask) -> None:
    ask("cp -r my-logs wrong && sed -i 's/min_accuracy/min_acuracy/' wrong/spec.yaml")
    for command in ("validate", "submit"):
        told = ask(f"stratos {command} wrong")
        assert told.exit_code == REFUSED
        assert "min_acuracy" in told.output
        assert "min_accuracy" in told.output
        assert "Traceback" not in told.output


def test_nothing_is_left_over_and_what_ended_cannot_be_stopped(ask, run_id) -> None:
    assert json.loads(ask("stratos sweep --dry-run --json").output)["removed"] == []
    assert "has ended already: succeeded" in ask(f"stratos stop {run_id}").output


def test_a_deletion_can_be_looked_at_first(ask, run_id) -> None:
    told = ask(f"stratos delete {run_id} --objects --dry-run")
    assert "Traceback" not in told.output
    assert run_id in told.output
    assert run_id in ask("stratos runs").output


def test_a_second_stack_is_a_name_and_a_missing_one_is_said(ask) -> None:
    told = ask("stratos --stack Elsewhere runs")
    assert told.exit_code == NOT_FOUND
    assert "Elsewhere" in told.output


def test_the_built_stack_can_be_deployed_without_node(ask, has) -> None:
    has("deploy", "--dry-run")
    told = ask("stratos deploy --dry-run")  # this one stands as the CDK's command would leave it
    assert told.exit_code == 1
    assert "give --from-cdk once" in told.output
    told = ask("stratos deploy --from-cdk --dry-run")
    assert told.exit_code == 0, told.output
    assert "Stratos" in told.output
    told = ask("stratos destroy --dry-run")
    assert "Traceback" not in told.output
    assert "1 live" in ask("stratos runs").output


def test_the_page_to_look_at_answers_this_machine_alone(reader, ask, has) -> None:
    has("ui", "--allow-writes")
    reader.take(Step("stratos ui --no-open --port 8018 &", ()))
    get = "curl --silent --retry 60 --retry-delay 1 --retry-connrefused --write-out '%{http_code}'"
    told = ask(f"{get} --output page.html http://127.0.0.1:8018/")
    assert told.output == "421"  # the page has a name of its own, which it prints with a key
    told = ask(
        f"{get} --output page.html --header 'Host: elsewhere.example' http://127.0.0.1:8018/"
    )
    assert told.output.startswith("4")
