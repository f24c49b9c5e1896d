"""What runs taught is shown, and forgotten on demand."""

from __future__ import annotations

import json

import pytest
import typer
from botocore.exceptions import ClientError

from stratos.cli.learned import learned_command
from stratos.cli.stack import Stack
from stratos.contracts.bucket import CALIBRATION_KEY
from stratos.contracts.calibration import CalibrationRow, read_calibration
from stratos.errors import StratosError
from tests.unit.stratos.cli.stack_contents import run
from tests.unit.stratos.planning.calibrated import row


def teach(stack: Stack, *rows: CalibrationRow) -> None:
    text = "".join(each.model_dump_json() + "\n" for each in rows)
    stack.s3.put_object(Bucket=stack.bucket, Key=CALIBRATION_KEY, Body=text.encode())


def remembered(stack: Stack) -> list[str]:
    body = stack.s3.get_object(Bucket=stack.bucket, Key=CALIBRATION_KEY)["Body"]
    return [each.run_id for each in read_calibration(body.read().decode())]


def of_run(run_id: str, **fields: object) -> CalibrationRow:
    return row(0.239, 0.6, quantity="accuracy").model_copy(update={"run_id": run_id, **fields})


def test_before_the_first_run_nothing_is_learned(stack: Stack) -> None:
    assert run("learned") == (0, "0 rows of what finished runs taught\n")
    assert run("learned", "--forget", "--all") == (0, "0 rows forgotten\n")


def test_each_row_says_what_it_teaches_or_why_it_does_not(stack: Stack) -> None:
    why = "training stopped at step 70 of 650"
    teach(stack, of_run("good"), of_run("cut", ignored=why))
    code, told = run("learned", "--json")
    assert code == 0
    assert [(each["run_id"], each["ignored"]) for each in json.loads(told)] == [
        ("good", None),
        ("cut", why),
    ]
    _, shown = run("learned", "--run", "cut")
    assert "1 row of" in shown
    assert "nothing:" in shown


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--run", "a"], ["b", "c"]),
        (["--quantity", "accuracy"], ["c"]),
        (["--type", "ml.local.cpu2"], ["a", "c"]),
        (["--type", "ml.local.cpu2", "--run", "a"], ["a", "b", "c"]),
        (["--all"], []),
    ],
)
def test_what_is_named_is_forgotten_and_nothing_else(
    stack: Stack, options: list[str], left: list[str]
) -> None:
    teach(
        stack,
        of_run("a"),
        of_run("b", instance_type="ml.local.cpu2"),
        of_run("c", quantity="p95_latency_ms"),
    )
    code, told = run("learned", "--forget", *options)
    assert code == 0
    gone = 3 - len(left)
    assert f"{gone} row{'s' * (gone != 1)} forgotten" in told
    assert remembered(stack) == left


def test_everything_is_forgotten_only_by_name(stack: Stack) -> None:
    teach(stack, of_run("a"))
    with pytest.raises(typer.BadParameter, match="--run, --quantity or --type"):
        learned_command(forget=True)
    assert remembered(stack) == ["a"]


def test_a_row_that_a_run_adds_meanwhile_is_not_lost(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(stack, of_run("a"))
    put, added = stack.s3.put_object, []

    def late(**request: object) -> object:
        if not added:
            added.append(True)
            teach_again = "".join(
                each.model_dump_json() + "\n" for each in (of_run("a"), of_run("new"))
            )
            put(Bucket=stack.bucket, Key=CALIBRATION_KEY, Body=teach_again.encode())
        return put(**request)

    monkeypatch.setattr(stack.s3, "put_object", late)
    assert run("learned", "--forget", "--run", "a")[0] == 0
    assert remembered(stack) == ["new"]


def test_a_table_that_always_changes_meanwhile_is_told(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(stack, of_run("a"))
    refused = ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")

    def refuse(**_: object) -> None:
        raise refused

    monkeypatch.setattr(stack.s3, "put_object", refuse)
    with pytest.raises(StratosError, match="changed 5 times while forgetting; try again"):
        learned_command(forget=True, everything=True)
