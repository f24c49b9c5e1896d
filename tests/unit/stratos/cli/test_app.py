"""The commands together: how they are listed, loaded and explained."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli.app import Commands, app
from stratos.cli.stack import Stack
from stratos.errors import DatasetRejected, NoFeasiblePlan, RunNotFound
from stratos.hosting.names import STACK_VARIABLE
from tests.unit.stratos.cli.stack_contents import run

HEAVY = ("boto3", "botocore", "numpy", "pydantic", "jinja2", "yaml", "starlette", "uvicorn")


def test_the_stack_is_chosen_by_an_option_before_the_command(stack, monkeypatch):
    asked = []
    monkeypatch.setenv(STACK_VARIABLE, "")
    monkeypatch.setattr(
        Stack, "find", classmethod(lambda cls: asked.append(os.environ[STACK_VARIABLE]) or stack)
    )
    assert run("--stack", "StratosDev", "runs")[0] == 0
    assert asked == ["StratosDev"]


@pytest.mark.parametrize("asked", [["--help"], ["-h"]])
def test_help_imports_nothing_that_a_command_needs(asked):
    told = (
        "import sys; from stratos.cli.app import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print('imported:', *(name for name in {HEAVY} if name in sys.modules))"
    )
    command = [sys.executable, "-c", told, *asked]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "imported:"


@pytest.mark.parametrize("name", Commands.listed)
def test_a_listed_command_is_there_and_says_what_the_list_says(name):
    listed = Commands.listed[name]
    first_paragraph = (listed.load(name).help or "").partition("\n\n")[0]
    assert listed.help.startswith(" ".join(first_paragraph.split()).removesuffix("."))


def test_a_misspelt_command_gets_a_suggestion():
    result = CliRunner().invoke(app, ["summit"])
    assert result.exit_code == 2
    assert "Did you mean 'submit'" in result.output


def test_the_version_is_the_distributions():
    code, out = run("--version")
    assert code == 0
    assert out.split()[0] == "stratos"
    assert out.split()[1][0].isdigit()


def test_the_region_that_other_tools_read_first_is_boto3s(folder, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert run("validate", str(folder))[0] == 0
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoFeasiblePlan("no plan holds max_budget_usd"), 7),
        (RunNotFound("no run 'x'"), 6),
        (DatasetRejected("no rows"), 4),
    ],
)
def test_an_error_ends_with_the_exit_code_of_its_kind(monkeypatch, capsys, error, code):
    def refuse() -> None:
        raise error

    monkeypatch.setattr(cli, "app", refuse)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert str(error) in capsys.readouterr().err
