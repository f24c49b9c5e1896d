"""Specs to plan for, over the whole shipped catalog."""

from __future__ import annotations

from stratos.catalog.models import bedrock_card, hub_card
from stratos.catalog.servers import ServerCatalog
from stratos.planning.request import DatasetFacts, PlanningRequest
from stratos.spec import Constraints, Exact, Load, Preferences, Spec, Task, Weights

TEACHERS = ("Qwen/Qwen3-8B", "Qwen/Qwen3-14B", "Qwen/Qwen2.5-7B-Instruct", "microsoft/phi-4")
PAID = ("qwen.qwen3-32b-v1:0", "deepseek.r1-v1:0", "meta.llama3-3-70b-instruct-v1:0")
STUDENTS = (
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-1.7B",
    "Qwen/Qwen3-4B",
    "Qwen/Qwen2.5-0.5B-Instruct",
    "Qwen/Qwen2.5-1.5B-Instruct",
    "meta-llama/Llama-3.2-1B-Instruct",
)


def check(name: str, value: float, aim: float, better: str) -> dict[str, object]:
    """One line of the verdict; a missed aim stays missed."""
    value = round(float(value), 4)
    meets = value >= aim if better == "higher" else value <= aim
    return {"name": name, "value": value, "aim": aim, "better": better, "meets": meets}


def all_regions(catalog: ServerCatalog) -> tuple[str, ...]:
    return tuple(sorted({p.region for row in catalog.instance_types for p in row.prices}))


def request(
    catalog: ServerCatalog,
    constraints: Constraints | None = None,
    preferences: Preferences = Preferences(),  # noqa: B008 - frozen
    requests_per_second: float = 2.0,
    num_train: int = 7_000,
    tokens: tuple[float, float] = (120.0, 150.0),
    region: str = "us-east-1",
) -> PlanningRequest:
    regions = all_regions(catalog)
    limits = constraints or Constraints(max_p95_latency_ms=8_000, max_budget_usd=500)
    spec = Spec(
        name="benchmark",
        task=Task(dataset="dataset.jsonl", verifier=Exact(kind="exact")),
        constraints=limits.model_copy(update={"regions": regions}),
        preferences=preferences,
        load=Load(requests_per_second=requests_per_second),
    )
    return PlanningRequest(
        spec=spec,
        region=region,
        teachers=(*(hub_card(Weights(hub=t)) for t in TEACHERS), *(bedrock_card(t) for t in PAID)),
        students=tuple(hub_card(Weights(hub=s)) for s in STUDENTS),
        servers=catalog,
        dataset=DatasetFacts(
            num_train=num_train,
            num_probe=200,
            num_heldout=500,
            num_gold=num_train + 700,
            prompt_tokens=tokens[0],
            answer_tokens=tokens[1],
        ),
    )
