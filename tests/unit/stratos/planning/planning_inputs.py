"""Planning requests for tests: catalogs and models as small as a question needs."""

from __future__ import annotations

from datetime import date
from typing import Any

from stratos.catalog.model_card import ModelCard
from stratos.catalog.servers import InstanceType, Price, ServerCatalog
from stratos.contracts.jobs import ProbeResult
from stratos.planning.forecast.rates import Types
from stratos.planning.forecast.server_table import ServerRow, ServerTable
from stratos.planning.forecast.transformer import Transformer, transformer
from stratos.planning.request import DatasetFacts, PlanningRequest
from stratos.spec import Spec
from stratos.statistics.wilson import proportion

AS_OF = date(2026, 11, 1)


def price(region: str, component: str, usd: float, **fields: Any) -> Price:
    known = {"kind": "observed", "grade": "A", "as_of": AS_OF, "source": "test"} | fields
    return Price.model_validate(
        known | {"region": region, "component": component, "usd_per_hour": usd}
    )


def gpu(
    name: str = "ml.g9.xlarge",
    tflops: float = 120.0,
    bandwidth: float = 300.0,
    memory: float = 22.0,
    usd: dict[str, float] | None = None,
    **fields: Any,
) -> InstanceType:
    prices = [
        price(region, component, value)
        for region, value in (usd or {"us-east-1": 1.0}).items()
        for component in ("training", "hosting")
    ]
    known: dict[str, Any] = {
        "instance_type": name,
        "vcpu": 4,
        "memory_gib": 16,
        "accelerator": "L4",
        "num_accelerators": 1,
        "accelerator_memory_gib": memory,
        "tflops_16bit": tflops,
        "tflops_32bit": tflops / 4,
        "memory_bandwidth_gb_per_s": bandwidth,
        "training": True,
        "hosting": True,
        "prices": tuple(prices),
        "source": "test",
    }
    return InstanceType.model_validate(known | fields)


def several(count: int, link: float | None = 600.0, **fields: Any) -> InstanceType:
    known = {"interconnect_gb_per_s": link, "memory_gib": 2_000} | fields
    return gpu(num_accelerators=count, **known)


def cpu(name: str = "ml.local.cpu2", gflops: float = 200.0, usd: float = 0.1) -> InstanceType:
    return InstanceType(
        instance_type=name,
        vcpu=2,
        memory_gib=16,
        tflops_32bit=gflops / 1e3,
        memory_bandwidth_gb_per_s=20,
        bfloat16=False,
        training=True,
        hosting=True,
        measured=True,
        dispatch_us=0.29,
        prices=(
            price("*", "training", usd, kind="notional"),
            price("*", "hosting", usd, kind="notional"),
        ),
        source="test",
    )


def catalog(*rows: InstanceType) -> ServerCatalog:
    return ServerCatalog(as_of=AS_OF, instance_types=rows)


def model(name: str = "student", billions: float = 0.5, **fields: Any) -> ModelCard:
    known: dict[str, Any] = {
        "name": name,
        "kind": "weights",
        "licence": "Apache-2.0",
        "num_parameters": round(billions * 1e9),
        "num_active_parameters": round(billions * 1e9),
        "num_layers": 24,
        "hidden_size": 1024,
        "num_kv_heads": 4,
        "head_dim": 64,
        "vocabulary_size": 32_000,
    }
    return ModelCard.model_validate(known | fields)


def shape(billions: float = 0.5, **fields: Any) -> Transformer:
    return transformer(model(billions=billions, **fields))


def tiny(name: str = "student", hidden: int = 96, layers: int = 4) -> ModelCard:
    return model(
        name,
        num_parameters=12 * layers * hidden**2 + 512 * hidden,
        num_active_parameters=12 * layers * hidden**2 + 512 * hidden,
        num_layers=layers,
        hidden_size=hidden,
        num_kv_heads=hidden // 32,
        head_dim=32,
        vocabulary_size=512,
    )


def paid(name: str = "paid", usd_out: float | None = 4.0, **fields: Any) -> ModelCard:
    return ModelCard.model_validate(
        {
            "name": name,
            "kind": "bedrock",
            "input_usd_per_million_tokens": None if usd_out is None else usd_out / 4,
            "output_usd_per_million_tokens": usd_out,
        }
        | fields
    )


def spec(constraints: dict[str, Any] | None = None, **sections: Any) -> Spec:
    base: dict[str, Any] = {
        "name": "task",
        "task": {"dataset": "dataset.jsonl", "verifier": {"kind": "exact"}},
        "constraints": constraints or {},
    }
    return Spec.model_validate(base | sections)


def types_of(*instances: InstanceType) -> Types:
    priced = [(row, row.price("us-east-1", "training")) for row in instances]
    servers = [ServerRow(row, 1, "us-east-1", "on_demand", price) for row, price in priced if price]
    return Types(ServerTable(servers), ())


def request(
    *rows: InstanceType,
    asked: Spec | None = None,
    teachers: tuple[ModelCard, ...] = (),
    students: tuple[ModelCard, ...] = (),
    **fields: Any,
) -> PlanningRequest:
    facts = {
        "num_train": 2_000,
        "num_probe": 200,
        "num_heldout": 500,
        "num_gold": 2_700,
        "prompt_tokens": 60.0,
        "answer_tokens": 10.0,
    } | fields.pop("facts", {})
    return PlanningRequest(
        spec=asked or spec(),
        region=fields.pop("region", "us-east-1"),
        teachers=teachers or (model("teacher", 7.0, prior_accuracy=0.8),),
        students=students or (model(prior_accuracy=0.4),),
        servers=catalog(*(rows or (gpu(),))),
        dataset=DatasetFacts.model_validate(facts),
        **fields,
    )


def probe(name: str, role: str, right: int, asked: int = 200, **fields: Any) -> ProbeResult:
    return ProbeResult.model_validate(
        {
            "seconds": 5.0,
            "usd": 0.0,
            "model": name,
            "role": role,
            "accuracy": proportion(right, asked),
            "reverse_yield": proportion(50, 64) if role == "teacher" else None,
            "tokens_per_second": 2_000.0,
            "mean_prompt_tokens": 60.0,
            "mean_completion_tokens": 120.0,
        }
        | fields
    )


FAST = gpu("ml.g2.xlarge", tflops=400, bandwidth=900, usd={"us-east-1": 4.0})
CHEAP = gpu("ml.g1.xlarge", tflops=60, bandwidth=200, usd={"us-east-1": 0.5})
TEACHER = model("teacher", 7.0, prior_accuracy=0.8)
