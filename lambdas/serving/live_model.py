"""The model that is in charge of a spec while another run would take its place."""

from __future__ import annotations

from lambdas.jobs.spending import outlay_of
from stratos.contracts.run import RunRef
from stratos.errors import GateError
from stratos.measuring.gates import judge_outlay
from stratos.spec import Spec


def spare(run: RunRef, spec: Spec) -> None:
    """Raise where it would be replaced by a run that missed its own limits."""
    verdict = judge_outlay(outlay_of(run), spec.constraints)
    if not verdict.passed:
        raise GateError(
            f"{verdict.reason}. The model in service stays: it is replaced only by one that holds "
            "every constraint. Allow more, or delete the endpoint first"
        )
