"""Call the sweeper by hand."""

from __future__ import annotations

import json

from stratos.cli.stack import Stack, client
from stratos.errors import StackNotFound, SweepIncomplete
from stratos.pipeline.steps import SweepInput, Swept

_LONGEST_SECONDS = 910.0
"""A function's 15 minutes, and some for the round trip."""


def sweep_now(stack: Stack, *, dry_run: bool) -> Swept:
    """Remove resources that belong to no run, or only list them.

    Raises:
        StackNotFound: if there is no sweeper.
        SweepIncomplete: if some of them could not be removed.
    """
    function = stack.names.function("sweep")
    functions = client("lambda", longest_seconds=_LONGEST_SECONDS)
    payload = SweepInput(dry_run=dry_run).model_dump_json().encode()
    try:
        response = functions.invoke(FunctionName=function, Payload=payload)
    except functions.exceptions.ResourceNotFoundException as error:
        raise StackNotFound(
            f"there is no function {function}; deploy the stack (`npx cdk deploy`), or start the "
            "embedded cloud (`stratos local up`)"
        ) from error
    answer = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise SweepIncomplete(str(answer.get("errorMessage", answer)))
    return Swept.model_validate(answer)
