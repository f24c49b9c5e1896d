"""`stratos invoke`: ask a run's endpoint one question."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from stratos.cli.endpoint import invoke
from stratos.cli.runs import find_run
from stratos.cli.screen import echo, make_console
from stratos.cli.stack import Stack
from stratos.cli.tools import choice_named, read_tools
from stratos.client import ServedAnswer
from stratos.contracts.messages import listed_calls
from stratos.regions import known_regions

console = make_console()


def invoke_command(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")],
    question: Annotated[str, typer.Argument(help="The question; - reads standard input.")],
    system: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Of a system message before the question, as in the dataset."
        ),
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 256,
    tools: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Tools that it may call: OpenAI's `tools`, as JSON."),
    ] = None,
    tool_choice: Annotated[
        str | None,
        typer.Option(metavar="CHOICE", help="auto, none, required, or the tool to call."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            metavar="REGION",
            help="Where the question comes from: the nearest region that serves the model "
            "answers. By default, the region of your configuration.",
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    if tool_choice is not None and tools is None:
        raise typer.BadParameter("--tool-choice chooses among --tools; name their file, too")
    if origin is not None and origin not in known_regions():
        raise typer.BadParameter(
            f"{origin} is no region whose place is known; known are {', '.join(known_regions())}",
            param_hint="--origin",
        )
    text = sys.stdin.read() if question == "-" else question
    try:
        offered = () if tools is None else read_tools(tools)
        chosen = None if tool_choice is None else choice_named(tool_choice, offered)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    stack = Stack.find()
    run = find_run(stack, run_id)
    said = invoke(stack, run, text, max_tokens, system, offered, chosen, origin)
    _tell_where(said)
    calls = listed_calls(said.calls)
    if json_:
        answer = {"answer": said.text} | ({"tool_calls": calls} if calls else {})
        if said.num_regions > 1:
            answer |= {"region": said.region}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        return
    if said.text or not calls:
        console.out(said.text, highlight=False)
    for call in calls:
        console.out(json.dumps(call, ensure_ascii=False), highlight=False)


def _tell_where(said: ServedAnswer) -> None:
    """Say on standard error who answered, where several could have, and who did not."""
    for passed in said.passed_over:
        echo(f"passed over {passed}", err=True)
    if said.num_regions > 1:
        echo(f"answered by {said.endpoint_name} in {said.region}", err=True)
