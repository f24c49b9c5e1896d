"""From a row of the pool to the processes that carry the plan out."""

from __future__ import annotations

from lambdas.jobs.factory import training_processes
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.plan import Plan
from stratos.hosting.container import serving_container
from stratos.planning.choose import plan_before_probing
from tests.unit.stratos.planning.planning_inputs import (
    catalog,
    cpu,
    model,
    request,
    several,
    spec,
    tiny,
)
from training.job.launcher import Layout, processes_per_host


def plans_on_several() -> list[Plan]:
    rows = (
        several(8, 900.0, name="ml.p5.48xlarge", memory=80.0, usd={"us-east-1": 60.0}),
        several(4, 32.0, name="ml.g6.12xlarge", usd={"us-east-1": 6.0}),
        several(1, name="ml.g6.xlarge"),
    )
    students = (model("small", 0.5), model("large", 9.0, num_layers=48, hidden_size=2048))
    found = plan_before_probing(request(*rows, students=students))
    return [found.chosen, *found.front]


def test_a_plan_is_trained_and_served_on_the_devices_it_counted() -> None:
    there = {"ml.p5.48xlarge": 8, "ml.g6.12xlarge": 4, "ml.g6.xlarge": 1}
    layouts = set()
    for plan in plans_on_several():
        training, serving = plan.training, plan.serving
        gpus = str(there[training.instance_type])
        layout = Layout(per_host=processes_per_host(training_processes([training]), shared=True))
        assert layout.num_processes == training.devices <= int(gpus)
        told = serving_container(
            plan,
            "s",
            "s3://b/m.tar.gz",
            artifact_bytes=1000,
            servers=ServerCatalog.aws(),
        )
        environment = told.definition["Environment"]
        split = int(environment.get("SM_VLLM_TENSOR_PARALLEL_SIZE", "1"))
        replicas = int(environment.get("SM_VLLM_DATA_PARALLEL_SIZE", "1"))
        assert (split, replicas) == (serving.devices, serving.replicas)
        assert split * replicas == there[serving.instance_type]
        layouts.add((training.devices, split, replicas))
    assert {devices for devices, _, _ in layouts} >= {1, 8}
    assert {split for _, split, _ in layouts} >= {1, 2}


def test_a_full_catalog_is_planned_with_students_too_large_for_one_device() -> None:
    large = model("large", 30.0, num_layers=48, hidden_size=5120, num_kv_heads=8, head_dim=128)
    rows = ServerCatalog.aws().instance_types
    plan = plan_before_probing(
        request(*rows, students=(large,), asked=spec(training={"method": "full"}))
    ).chosen
    assert plan.training.devices == 8
    assert catalog(*rows)[plan.serving.instance_type].num_devices >= plan.serving.devices


def test_a_plan_has_another_name_where_its_engine_answers_more_at_once() -> None:
    def names(rate: float) -> dict[int, set[str]]:
        load = {"requests_per_second": rate}
        found = plan_before_probing(
            request(cpu(), asked=spec(load=load), teachers=(tiny("teacher"),), students=(tiny(),))
        )
        held: dict[int, set[str]] = {}
        for plan in found.front:
            assert plan.engine is not None
            held.setdefault(plan.engine.slots, set()).add(plan.id)
        return held

    rare, busy = names(0.01), names(50.0)
    assert rare.keys().isdisjoint(busy)
    assert set().union(*rare.values()).isdisjoint(set().union(*busy.values()))


def test_a_tracker_beyond_the_bucket_is_told_with_what_the_job_needs_for_it() -> None:
    asked = spec({}, training={"tracking": {"tracking_uri": "https://mlflow.example.com/x"}})
    told = plan_before_probing(request(asked=asked)).chosen.caveats
    assert (
        "training reports to MLflow at mlflow.example.com, for which the job needs the network; "
        "where it has no way there, it trains without"
    ) in told
    assert not any("MLflow" in caveat for caveat in plan_before_probing(request()).chosen.caveats)
