"""What a month of the declared load costs at today's teacher, and at the student's own endpoint."""

from __future__ import annotations

from stratos.catalog.models import priced_card
from stratos.contracts.plan import Plan
from stratos.hosting.monthly import requests_per_month
from stratos.pipeline.evidence import RunEvidence
from stratos.pipeline.summary import Saving
from stratos.spec import Bedrock, Load, Logs, OpenAICompatible, Spec, Weights

_GIVE_PRICES = (
    "give `input_usd_per_million_tokens` and `output_usd_per_million_tokens` with the teacher"
)


def monthly_saving(
    evidence: RunEvidence, plan: Plan, hosting_usd_per_month: float | None
) -> Saving:
    """Compare what the teacher would charge for a month of the spec's load with hosting.

    Args:
        plan: What was chosen: its teacher counts as today's, and its forecast where nothing is in
            service.
        hosting_usd_per_month: Of what is in service; None if nothing is.

    Raises:
        ValueError: where it cannot be told, with the reason and what to give.
    """
    spec = evidence.spec
    assert spec is not None, "a plan has a spec"
    paid_in, paid_out = _prices(spec, plan.teacher)
    prompt, output = _tokens(spec.load, evidence)
    requests = requests_per_month(spec.load)
    hosting = plan.usd_per_month.value if hosting_usd_per_month is None else hosting_usd_per_month
    return Saving(
        teacher=plan.teacher,
        requests_per_month=requests,
        prompt_tokens=prompt,
        output_tokens=output,
        input_usd_per_million_tokens=paid_in,
        output_usd_per_million_tokens=paid_out,
        teacher_usd_per_month=requests * (prompt * paid_in + output * paid_out) / 1e6,
        hosting_usd_per_month=hosting,
        is_forecast=hosting_usd_per_month is None,
    )


def _prices(spec: Spec, name: str) -> tuple[float, float]:
    """Dollars per million tokens of prompts and of answers, asked one by one."""
    named = next((teacher for teacher in spec.teachers if teacher.name == name), None)
    match named:
        case Weights():
            raise ValueError(
                f"{name} is a model of your own, which has no price per token; its servers' bill "
                "is not known here"
            )
        case Bedrock():
            # A batch is half the price, but its answers take hours.
            found = _listed(named)
        case OpenAICompatible() | Logs():
            found = named.input_usd_per_million_tokens, named.output_usd_per_million_tokens
        case None:
            found = _listed(Bedrock(kind="bedrock", model_id=name))
    paid_in, paid_out = (price or 0.0 for price in found)
    if paid_in == paid_out == 0:
        who = "the model that wrote the logs" if isinstance(named, Logs) else name
        raise ValueError(f"the price of {who} is not known; {_GIVE_PRICES}")
    return paid_in, paid_out


def _listed(teacher: Bedrock) -> tuple[float | None, float | None]:
    """By the spec, else by the catalog."""
    try:
        card = priced_card(teacher, batch=False)
    except LookupError as error:
        raise ValueError(f"no price per token is known: {error}") from error
    return card.input_usd_per_million_tokens, card.output_usd_per_million_tokens


def _tokens(load: Load, evidence: RunEvidence) -> tuple[float, float]:
    """Of one request and of its answer: as the spec declares, else as the dataset has them."""
    counted = evidence.inspection.tokens if evidence.inspection else None
    prompt: float = load.prompt_tokens or (counted.prompts.mean if counted else 0.0)
    output: float = load.output_tokens or (counted.replies.mean if counted else 0.0)
    if not prompt or not output:
        raise ValueError(
            "the tokens of a request are not known; give `load.prompt_tokens` and "
            "`load.output_tokens`"
        )
    return prompt, output
