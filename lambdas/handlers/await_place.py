"""AwaitPlace: the run works now, or waits until others have ended."""

from __future__ import annotations

from lambdas import admission
from lambdas.step import step
from stratos.pipeline.steps import PlaceAsked, PlaceInput


@step
def handler(payload: PlaceInput) -> PlaceAsked:
    """Ask for a place; who has one to give answers the token.

    Raises:
        QueueBusy: it may ask again.
        QueueFull: no more runs can wait.
    """
    queue = admission.enter(payload.run, payload.spec_name, payload.task_token)
    return PlaceAsked(waits=queue.why_waits(payload.run.run_id))
