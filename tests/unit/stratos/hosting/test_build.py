"""What SageMaker is asked for, held against botocore's models of its services."""

from __future__ import annotations

import math
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from stratos.catalog.servers import ServerCatalog
from stratos.contracts.plan import Plan, Server
from stratos.errors import DeploymentFailed
from stratos.hosting.build import build_deployment
from stratos.hosting.components import LiveComponent, live_component, rolling_update
from stratos.hosting.container import ServingContainer, serving_container
from stratos.hosting.deployment import Deployment
from stratos.hosting.guardrails import BAKE_SECONDS, guardrails, run_of_alarm
from stratos.hosting.modes.serverless import Serverless, concurrency
from stratos.hosting.modes.table import mode_of
from stratos.hosting.names import VARIANT
from stratos.hosting.offer import Hosted
from stratos.hosting.order import LiveEndpoint
from stratos.spec import Load, ModeName
from stratos.units import GIB, MIB
from tests import factories


def server_of(
    instance_type: str = "ml.c7i.xlarge", count: int = 1, devices: int = 1, replicas: int = 1
) -> Server:
    return Server(
        instance_type=instance_type,
        count=count,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=0.2 * count,
        devices=devices,
        replicas=replicas,
    )


def deployment(
    instance_type: str = "ml.c7i.xlarge",
    count: int = 1,
    artifact_bytes: int = 500 * MIB,
    live: dict[str, Any] | None = None,
    planned: ModeName | None = None,
    devices: int = 1,
    replicas: int = 1,
    component: LiveComponent | None = None,
    instead_of: tuple[str, ...] = (),
    **sections: Any,
) -> Deployment:
    spec = factories.spec(**sections)
    named = spec.hosting.mode
    mode = planned or ("realtime" if named == "auto" else named)
    server = server_of(instance_type, count, devices, replicas)
    in_service = None
    if live is not None:
        in_service = LiveEndpoint(mode_of(live).name, "before", component)
    order = factories.order(
        spec,
        factories.match_evidence(
            serving=server, p95_latency_ms=400.0, mode=mode, instead_of=instead_of
        ),
        uri="s3://bucket/runs/r/models/job/output/model.tar.gz",
        num_bytes=artifact_bytes,
        live=in_service,
    )
    return build_deployment(order)


def problems(service: str, operation: str, request: dict[str, Any]) -> str:
    """What botocore would refuse in a request."""
    model = boto3.client(service, region_name="us-east-1").meta.service_model
    shape = model.operation_model(operation).input_shape
    return str(ParamValidator().validate(request, shape).generate_report())


def requests_of(built: Deployment) -> list[tuple[str, str, dict[str, Any]]]:
    """Every request that the states and Promote make of a deployment."""
    name, tags = built.endpoint_config_name, built.tags
    config: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [built.production_variant],
        "Tags": tags,
    }
    if built.async_inference_config is not None:
        config["AsyncInferenceConfig"] = built.async_inference_config
    model = {"ModelName": built.model_name, "PrimaryContainer": built.container, "Tags": tags}
    update: dict[str, Any] = {"EndpointName": built.endpoint_name, "EndpointConfigName": name}
    made = [
        ("sagemaker", "CreateModel", model),
        ("sagemaker", "CreateEndpointConfig", config),
        ("sagemaker", "UpdateEndpoint", update),
        ("sagemaker", "CreateModelPackage", built.model_package),
    ]
    if built.component is not None:
        made = [item for item in made if item[1] != "UpdateEndpoint"]
        made += component_requests(built)
        config["ExecutionRoleArn"] = "arn:aws:iam::123456789012:role/endpoint"
    if built.guardrails is not None:
        update["DeploymentConfig"] = built.guardrails.deployment_config
        made += [("cloudwatch", "PutMetricAlarm", alarm) for alarm in built.guardrails.alarms]
    if built.scaling is not None:
        scaling = "application-autoscaling"
        made.append((scaling, "RegisterScalableTarget", built.scaling.target))
        made += [(scaling, "PutScalingPolicy", policy) for policy in built.scaling.policies]
        if built.scaling.wake_alarm is not None:
            made.append(("cloudwatch", "PutMetricAlarm", built.scaling.wake_alarm))
    return made


def component_requests(built: Deployment) -> list[tuple[str, str, dict[str, Any]]]:
    component = built.component
    assert component is not None
    assert built.guardrails is not None
    named = {"InferenceComponentName": component.name}
    create = {
        **named,
        "EndpointName": built.endpoint_name,
        "VariantName": VARIANT,
        "Specification": component.specification,
        "RuntimeConfig": component.runtime_config,
        "Tags": built.tags,
    }
    copies = {**named, "DesiredRuntimeConfig": component.runtime_config}
    update = {
        **named,
        "Specification": component.specification,
        "DeploymentConfig": built.guardrails.deployment_config,
    }
    made = [
        ("sagemaker", "CreateInferenceComponent", create),
        ("sagemaker", "UpdateInferenceComponentRuntimeConfig", copies),
        ("sagemaker", "UpdateInferenceComponent", update),
    ]
    if component.previous is not None:
        back = {**named, "Specification": component.previous.specification}
        made.append(
            (
                "sagemaker",
                "UpdateInferenceComponent",
                back | {"DeploymentConfig": rolling_update(1, 9)},
            )
        )
    return made


@pytest.mark.parametrize(("copies", "seconds"), [(1, 3000), (3, 9000), (8, 24_000), (10, 28_800)])
def test_an_update_copy_by_copy_has_time_for_each_and_no_more_than_sagemaker_accepts(
    copies: int, seconds: int
) -> None:
    policy = rolling_update(copies, 600)["RollingUpdatePolicy"]
    assert policy["MaximumExecutionTimeoutInSeconds"] == seconds


TO_ZERO: dict[str, Any] = {"ProductionVariants": [{"ManagedInstanceScaling": {}}]}
LIVE = live_component(
    {
        "Specification": {
            "ModelName": "before",
            "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024},
        }
    }
)
LULLS = {"requests_per_second": 5, "active_hours_per_day": 8}


@pytest.mark.parametrize(
    "built",
    [
        deployment(),
        deployment("ml.g5.12xlarge", 2, 30 * GIB, {}, load=LULLS),
        deployment(hosting={"mode": "serverless"}),
        deployment(count=3, hosting={"mode": "async", "max_instances": 5}),
        deployment(constraints={}),
        deployment("ml.g5.12xlarge", 2, hosting={"mode": "scale_to_zero", "max_instances": 3}),
        deployment(live=TO_ZERO, component=LIVE),
    ],
    ids=["realtime", "gpu fleet", "serverless", "async", "no limits", "to zero", "replaced"],
)
def test_every_request_is_one_that_botocore_would_send(built):
    for service, operation, request in requests_of(built):
        assert problems(service, operation, request) == "", operation


# --- guardrails -------------------------------------------------------------------------------


def routing(built: Deployment) -> dict[str, Any]:
    assert built.guardrails is not None
    policy = built.guardrails.deployment_config["BlueGreenUpdatePolicy"]
    found: dict[str, Any] = policy["TrafficRoutingConfiguration"]
    return found


@pytest.mark.parametrize("count", [2, 3, 8])
def test_a_fleet_is_updated_by_a_canary_of_at_most_half_of_it(count):
    found = routing(deployment(count=count))
    assert found["Type"] == "CANARY"
    assert found["WaitIntervalInSeconds"] == BAKE_SECONDS
    assert found["CanarySize"]["Type"] == "INSTANCE_COUNT"
    assert found["CanarySize"]["Value"] / count <= 0.5


def test_one_instance_takes_over_at_once_and_is_watched_while_the_old_one_stands_by():
    built = deployment(count=1)
    assert routing(built) == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    assert built.guardrails is not None
    policy = built.guardrails.deployment_config["BlueGreenUpdatePolicy"]
    assert policy["TerminationWaitInSeconds"] == BAKE_SECONDS


def test_an_update_may_take_longer_than_its_waits_and_its_start_together():
    built = deployment("ml.g5.12xlarge", count=2, artifact_bytes=30 * GIB)
    assert built.guardrails is not None
    policy = built.guardrails.deployment_config["BlueGreenUpdatePolicy"]
    variant = built.production_variant
    assert policy["MaximumExecutionTimeoutInSeconds"] > (
        variant["ModelDataDownloadTimeoutInSeconds"]
        + variant["ContainerStartupHealthCheckTimeoutInSeconds"]
        + 2 * BAKE_SECONDS
    )


def test_an_alarm_names_the_run_whose_update_it_watches():
    for suffix in ("", "-s2"):
        built = guardrails(
            "stratos-tiles",
            f"stratos-tiles-a1-0123abcd-a0{suffix}",
            "v",
            num_instances=1,
            startup_seconds=60,
            max_p95_latency_ms=500,
        )
        runs = {run_of_alarm(alarm["AlarmName"]) for alarm in built.alarms}
        assert runs == {"tiles-a1-0123abcd"}
    assert run_of_alarm("stratos-tiles-backlog") is None


def test_alarms_watch_the_new_fleet_for_errors_and_for_the_latency_asked():
    built = deployment(constraints={"max_p95_latency_ms": 750})
    assert built.guardrails is not None
    errors, latency = built.guardrails.alarms
    for alarm in (errors, latency):
        (query,) = alarm["Metrics"]
        dimensions = {d["Name"]: d["Value"] for d in query["MetricStat"]["Metric"]["Dimensions"]}
        assert dimensions == {
            "EndpointName": built.endpoint_name,
            "VariantName": VARIANT,
            "EndpointConfigName": built.endpoint_config_name,
        }
    watched = errors["Metrics"][0]["MetricStat"]
    assert (watched["Metric"]["MetricName"], watched["Stat"]) == ("Invocation5XXErrors", "Average")
    watched = latency["Metrics"][0]["MetricStat"]
    assert (watched["Metric"]["MetricName"], watched["Stat"]) == ("ModelLatency", "p95")
    assert latency["Threshold"] == 750_000
    named = built.guardrails.deployment_config["AutoRollbackConfiguration"]["Alarms"]
    assert [a["AlarmName"] for a in named] == [errors["AlarmName"], latency["AlarmName"]]


def test_without_a_latency_constraint_only_errors_roll_back():
    built = deployment(constraints={})
    assert built.guardrails is not None
    assert len(built.guardrails.alarms) == 1


# --- container --------------------------------------------------------------------------------


def container_on(
    server: Server, artifact_bytes: int = MIB, precision: Any = "bfloat16"
) -> ServingContainer:
    return serving_container(
        server,
        "tiles",
        "s3://bucket/model.tar.gz",
        precision=precision,
        artifact_bytes=artifact_bytes,
        servers=ServerCatalog.aws(),
    )


def environment(instance_type: str, precision: Any = "bfloat16", **layout: int) -> Any:
    server = server_of(instance_type, **layout)
    return container_on(server, precision=precision).definition["Environment"]


@pytest.mark.parametrize(
    ("instance_type", "precision", "dtype"),
    [
        ("ml.g4dn.xlarge", "float32", "half"),
        ("ml.g4dn.xlarge", "bfloat16", "half"),
        ("ml.g6.xlarge", "bfloat16", "bfloat16"),
        ("ml.g6.xlarge", "float32", "float32"),
        ("ml.c7i.xlarge", "float32", None),
    ],
)
def test_a_gpu_is_told_the_precision_of_the_plan_as_far_as_it_has_it(
    instance_type, precision, dtype
):
    assert environment(instance_type, precision).get("SM_VLLM_DTYPE") == dtype


def test_a_plan_in_fp8_is_quantised_while_it_loads():
    found = environment("ml.g6.xlarge", "fp8")
    assert (found["SM_VLLM_QUANTIZATION"], found["SM_VLLM_DTYPE"]) == ("fp8", "bfloat16")
    assert "SM_VLLM_QUANTIZATION" not in environment("ml.g6.xlarge")


@pytest.mark.parametrize(
    ("devices", "replicas", "told"),
    [
        (1, 1, {}),
        (1, 4, {"SM_VLLM_DATA_PARALLEL_SIZE": "4"}),
        (2, 2, {"SM_VLLM_TENSOR_PARALLEL_SIZE": "2", "SM_VLLM_DATA_PARALLEL_SIZE": "2"}),
        (4, 1, {"SM_VLLM_TENSOR_PARALLEL_SIZE": "4"}),
    ],
)
def test_the_container_is_told_how_the_plan_uses_its_devices(devices, replicas, told):
    found = environment("ml.g6.12xlarge", devices=devices, replicas=replicas)
    sizes = {name: value for name, value in found.items() if name.endswith("PARALLEL_SIZE")}
    assert sizes == told


def test_a_plan_that_splits_its_model_is_deployed_split():
    built = deployment("ml.g6.12xlarge", devices=2, replicas=2)
    assert built.container["Environment"]["SM_VLLM_TENSOR_PARALLEL_SIZE"] == "2"
    assert built.container["Environment"]["SM_VLLM_DATA_PARALLEL_SIZE"] == "2"


def test_a_container_has_minutes_to_start_and_more_for_larger_weights():
    def allowed(instance_type: str, num_bytes: int) -> tuple[int, int]:
        found = container_on(server_of(instance_type), num_bytes)
        return found.download_seconds, found.start_seconds

    download, start = allowed("ml.c7i.xlarge", 2 * MIB)
    assert download > 60
    assert start >= 600
    assert allowed("ml.g5.xlarge", 2 * MIB)[1] >= 900
    assert allowed("ml.g5.xlarge", 10 * GIB)[1] == 900 + 1200
    assert allowed("ml.g5.xlarge", 500 * GIB) == (3600, 3600)


# --- hosting ----------------------------------------------------------------------------------

RARE = {"requests_per_second": 0.2, "mean_requests_per_second": 0.01, "active_hours_per_day": 2}
LOOSE = {"max_p95_latency_ms": 5000}


def hosted(**options: Any) -> Deployment:
    return deployment(**{"constraints": LOOSE, **options})


def test_a_planned_mode_that_fits_is_deployed_with_what_the_others_would_cost():
    others = ("serverless $3.00 a month (a cold start of about 59 s)", "async $15.21 a month")
    built = hosted(load=RARE, instead_of=others)
    assert built.hosting.mode == "realtime"
    assert built.hosting.reason == f"realtime $146.00 a month; instead of {', '.join(others)}"
    assert built.usd_per_hour == pytest.approx(0.2)


def test_a_serverless_endpoint_gets_memory_for_the_real_artifact_and_is_billed_by_the_second():
    built = hosted(planned="serverless", load=RARE, hosting={"max_cold_start_seconds": 90})
    assert built.hosting.mode == "serverless"
    requests = 0.01 * 3600 * 2 * 730 / 24
    memory = built.hosting.memory_gib
    assert memory == 3  # one for the server, and room for 500 MiB of weights in float32
    assert built.hosting.usd_per_month == pytest.approx(requests * 0.4 * memory * 2e-5)
    assert built.usd_per_hour * 730 == pytest.approx(built.hosting.usd_per_month)
    assert built.production_variant["ServerlessConfig"]["MemorySizeInMB"] == 3072
    assert "InstanceType" not in built.production_variant
    assert (built.guardrails, built.scaling) == (None, None)


@given(in_flight=st.floats(0.01, 90))
def test_a_serverless_endpoint_refuses_hardly_any_of_the_requests_that_come_at_once(in_flight):
    allowed = concurrency(Load(requests_per_second=in_flight), seconds=1.0)
    more = 1.0 - math.fsum(
        math.exp(n * math.log(in_flight) - in_flight - math.lgamma(n + 1))
        for n in range(allowed + 1)
    )
    assert allowed <= 200
    assert more < 0.001


def test_a_load_is_too_much_for_serverless_just_where_its_concurrency_ends():
    spec = factories.spec(load={"requests_per_second": 1.0})
    offer = Serverless().offer(Hosted(spec, "cpu", MIB))
    most = offer.possible_up_to.seconds
    assert concurrency(spec.load, most - 1) < concurrency(spec.load, most) == 200
    assert offer.impossible_at(most - 0.01) is None
    assert "exceed its limit of 200" in str(offer.impossible_at(most + 0.01))


IMPOSSIBLE = pytest.mark.parametrize(
    ("options", "obstacle"),
    [
        ({"instance_type": "ml.g5.xlarge"}, "no GPU"),
        ({"artifact_bytes": 3 * GIB}, "6 GB of memory at most"),
        ({"load": {"requests_per_second": 400}}, "exceed its limit of 200"),
    ],
)


@IMPOSSIBLE
def test_a_named_mode_that_turns_out_impossible_is_refused(options, obstacle):
    with pytest.raises(DeploymentFailed, match=f"hosting.mode is serverless, but .*{obstacle}"):
        hosted(hosting={"mode": "serverless"}, **options)


@IMPOSSIBLE
def test_a_planned_mode_that_turns_out_impossible_gives_way_and_says_so(options, obstacle):
    tolerant = {"max_cold_start_seconds": 300}
    built = hosted(planned="serverless", hosting=tolerant, **options)
    assert built.hosting.mode == "realtime"
    assert built.hosting.reason.startswith("planned as serverless, but ")
    assert obstacle in built.hosting.reason
    assert built.hosting.reason.endswith("realtime $146.00 a month")
    assert "ServerlessConfig" not in built.production_variant


def test_an_artifact_too_slow_to_start_gives_up_what_scales_to_zero():
    tolerant = {"max_cold_start_seconds": 35}
    built = hosted(planned="serverless", load=RARE, hosting=tolerant)
    assert built.hosting.mode == "realtime"
    assert "a cold start of about 59 s, over max_cold_start_seconds 35" in built.hosting.reason
    small = hosted(planned="serverless", load=RARE, hosting=tolerant, artifact_bytes=MIB)
    assert small.hosting.mode == "serverless"


def test_no_mode_takes_the_place_of_the_planned_one_above_the_limit_on_hosting():
    limits = {"max_hosting_usd_per_month": 100}
    with pytest.raises(DeploymentFailed, match=r"realtime \$146.00 a month, over max_hosting"):
        deployment(planned="serverless", constraints=limits, artifact_bytes=3 * GIB, load=RARE)


def test_a_queue_costs_nothing_while_it_is_empty():
    patient = {"max_cold_start_seconds": 900}
    built = hosted(instance_type="ml.g5.xlarge", planned="async", load=RARE, hosting=patient)
    assert built.hosting.mode == "async"
    assert built.hosting.usd_per_month == pytest.approx(0.2 * 730 * 2.5 / 24)
    assert built.async_inference_config is not None
    output = built.async_inference_config["OutputConfig"]
    assert output["S3OutputPath"] == "s3://bucket/async/tiles/answers"
    assert built.scaling is not None
    assert built.scaling.target["MinCapacity"] == 0
    assert built.scaling.wake_alarm is not None
    assert built.scaling.policies[-1]["PolicyType"] == "StepScaling"


def test_an_endpoint_that_scales_to_zero_is_made_without_a_model():
    patient = {"max_cold_start_seconds": 900}
    built = hosted(
        instance_type="ml.g5.xlarge", planned="scale_to_zero", load=RARE, hosting=patient
    )
    assert built.hosting.mode == "scale_to_zero"
    assert built.hosting.usd_per_month == pytest.approx(0.2 * 730 * 2.5 / 24)
    assert "refuses requests for about 449 s, which is assumed" in built.hosting.reason
    variant = built.production_variant
    assert "ModelName" not in variant
    assert variant["ManagedInstanceScaling"] == {
        "Status": "ENABLED",
        "MinInstanceCount": 0,
        "MaxInstanceCount": 2,  # one for the copy that takes over
    }


def test_a_copy_takes_the_accelerators_of_its_instance_or_most_of_its_cores():
    def required(instance_type: str, artifact_bytes: int) -> dict[str, Any]:
        to_zero = {"mode": "scale_to_zero"}
        built = deployment(instance_type, artifact_bytes=artifact_bytes, hosting=to_zero)
        assert built.component is not None
        found: dict[str, Any] = built.component.specification["ComputeResourceRequirements"]
        return found

    assert required("ml.g5.12xlarge", 30 * GIB) == {
        "NumberOfAcceleratorDevicesRequired": 4.0,
        "MinMemoryRequiredInMb": 1024,
    }
    assert required("ml.c7i.xlarge", 400 * MIB) == {
        "NumberOfCpuCoresRequired": 3.0,
        "MinMemoryRequiredInMb": 1024 + 1000,
    }
    assert required("ml.c7i.xlarge", 100 * GIB)["MinMemoryRequiredInMb"] == 4 * 1024


def test_a_component_is_woken_by_its_refusals_and_scaled_by_its_requests():
    built = deployment(count=2, hosting={"mode": "scale_to_zero", "max_instances": 4}, load=LULLS)
    assert bounds(built) == (0, 4)
    assert built.scaling is not None
    tracking, wake = built.scaling.policies
    value = tracking["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
    assert value == pytest.approx(60 * 5 / 2)
    assert wake["PolicyType"] == "StepScaling"
    assert wake["ResourceId"] == f"inference-component/{built.endpoint_name}"
    assert built.scaling.wake_alarm is not None
    assert built.scaling.wake_alarm["MetricName"] == "NoCapacityInvocationFailures"


def test_an_endpoint_of_components_is_told_from_its_description():
    assert mode_of(TO_ZERO).name == "scale_to_zero"
    kept = hosted(live=TO_ZERO, component=LIVE)
    assert kept.hosting.mode == "scale_to_zero"
    assert kept.component is not None
    assert kept.component.previous == LIVE
    with pytest.raises(DeploymentFailed, match="keeps its kind"):
        hosted(live={}, hosting={"mode": "scale_to_zero"})


SERVERLESS = {"ProductionVariants": [{"CurrentServerlessConfig": {"MaxConcurrency": 1}}]}


def test_an_endpoint_in_service_keeps_its_kind():
    kept = hosted(live=SERVERLESS, planned="serverless")
    assert kept.hosting.mode == "serverless"
    assert "stays so" in kept.hosting.reason
    with pytest.raises(DeploymentFailed, match=r"is serverless and keeps its kind, but .*no GPU"):
        hosted(live=SERVERLESS, instance_type="ml.g5.xlarge")  # which could not be rolled back
    with pytest.raises(DeploymentFailed, match="keeps its kind"):
        hosted(live={}, hosting={"mode": "async"})


def test_an_endpoint_that_came_since_the_plan_was_made_gives_the_mode_and_the_reason():
    tolerant = {"max_cold_start_seconds": 900}
    built = hosted(live={}, planned="async", load=RARE, hosting=tolerant)
    assert built.hosting.mode == "realtime"
    assert built.hosting.reason.startswith("planned as async; the endpoint in service is realtime")


def test_an_endpoint_that_went_since_the_plan_was_made_binds_no_more():
    built = hosted(planned="async", load=RARE)  # planned so only because it was in service
    assert built.hosting.mode == "realtime"
    assert built.hosting.reason.startswith("planned as async, but a cold start of about 449 s")


def test_a_plan_from_before_plans_named_a_mode_reads_as_real_time():
    plan = factories.match_evidence(server_of(), 400.0).plan
    old = plan.model_dump(exclude={"hosting", "usd_per_1000_requests"})
    read = Plan.model_validate(old)
    assert (read.hosting.mode, read.usd_per_1000_requests) == ("realtime", None)
    assert read.serving == plan.serving


# --- scaling ----------------------------------------------------------------------------------


def bounds(built: Deployment) -> tuple[int, int] | None:
    scaling = built.scaling
    if scaling is None:
        return None
    return scaling.target["MinCapacity"], scaling.target["MaxCapacity"]


def test_a_fleet_under_steady_traffic_keeps_its_size():
    assert bounds(deployment(count=3)) is None


def test_a_fleet_shrinks_in_lulls_and_grows_as_far_as_the_spec_allows():
    assert bounds(deployment(count=3, load=LULLS)) == (1, 3)
    assert bounds(deployment(count=3, load=LULLS, hosting={"max_instances": 6})) == (1, 6)
    assert bounds(deployment(count=1, hosting={"max_instances": 4})) == (1, 4)
    assert bounds(deployment(count=1, load=LULLS)) is None


def test_a_fleet_is_scaled_by_the_traffic_that_each_instance_was_planned_for():
    built = deployment(count=2, load=LULLS)
    assert built.scaling is not None
    (policy,) = built.scaling.policies
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == pytest.approx(60 * 5 / 2)
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "SageMakerVariantInvocationsPerInstance"


def test_only_a_fleet_that_answers_in_the_call_routes_by_what_is_under_way():
    assert "RoutingConfig" in deployment(count=2).production_variant
    assert "RoutingConfig" not in deployment(hosting={"mode": "async"}).production_variant
