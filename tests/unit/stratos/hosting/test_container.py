"""The container behind a model, and how it is set."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.session import get_session

from serving.llama_cpp.arguments import arguments_of, parameters_of
from stratos.catalog.images import ServingImage, images
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.plan import Plan, Server
from stratos.errors import DeploymentFailed
from stratos.hosting.container import ServingContainer, expected_artifact_bytes, serving_container
from stratos.units import GIB, MIB
from tests import factories
from tests.unit.stratos.hosting.deployments import server_of


def plan_on(server: Server, precision: Any = "bfloat16", served: Any = None) -> Plan:
    changes = {} if served is None else {"precision": served}
    told = factories.engine_on(server.instance_type, **changes)
    plan = factories.match_evidence(server, 400.0, served_by=told).plan
    return plan.model_copy(update={"precision": precision})


def container_of(plan: Plan, artifact_bytes: int = MIB) -> ServingContainer:
    return serving_container(
        plan,
        "tiles",
        "s3://bucket/model.tar.gz",
        artifact_bytes=artifact_bytes,
        servers=ServerCatalog.aws(),
    )


def environment(instance_type: str, precision: Any = "bfloat16", **layout: int) -> dict[str, str]:
    plan = plan_on(server_of(instance_type, **layout), precision)
    found: dict[str, str] = container_of(plan).definition["Environment"]
    return found


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


def test_vllm_runs_and_installs_nothing_that_its_artifact_brings():
    # Else AWS's image runs model.py and installs requirements.txt of the folder that it is given.
    told = environment("ml.g6.xlarge", "bfloat16")
    assert not told["SAGEMAKER_MODEL_PATH"].startswith("/opt/ml/model")
    assert told["STANDARD_AUTO_INSTALL_REQ"] == "false"


def test_vllm_is_told_how_to_read_tool_calls_where_the_model_writes_any():
    found = {}
    for parser in ("hermes", None):
        for instance_type in ("ml.g6.xlarge", "ml.c7i.xlarge"):
            container = serving_container(
                plan_on(server_of(instance_type)),
                "tiles",
                "s3://bucket/model.tar.gz",
                artifact_bytes=MIB,
                servers=ServerCatalog.aws(),
                tool_parser=parser,
            )
            told = container.definition["Environment"]
            found[parser, instance_type] = {key: told[key] for key in told if "TOOL" in key}
    assert found.pop(("hermes", "ml.g6.xlarge")) == {
        "SM_VLLM_ENABLE_AUTO_TOOL_CHOICE": "true",
        "SM_VLLM_TOOL_CALL_PARSER": "hermes",
    }
    assert set(map(len, found.values())) == {0}


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


def test_vllm_is_told_context_and_slots_and_samples_as_the_artifact_says():
    found = environment("ml.g6.xlarge")
    assert found == {
        "SM_VLLM_MODEL": "/opt/ml/model",
        "SM_VLLM_SERVED_MODEL_NAME": "tiles",
        "SM_VLLM_STRUCTURED_OUTPUTS_CONFIG": (
            '{"backend":"xgrammar","disable_any_whitespace":true}'
        ),
        "SM_VLLM_DTYPE": "bfloat16",
        "SM_VLLM_MAX_MODEL_LEN": "1024",
        "SM_VLLM_MAX_NUM_SEQS": "8",
        "SAGEMAKER_MODEL_PATH": "/opt/ml/no-code",
        "STANDARD_AUTO_INSTALL_REQ": "false",
    }
    container = container_of(plan_on(server_of("ml.g6.12xlarge", replicas=4)))
    assert container.at_once == 4 * 8


@pytest.mark.parametrize(
    ("instance_type", "repository"),
    [("ml.c7i.xlarge", "llama-cpp:"), ("ml.c7g.xlarge", "llama-cpp-arm64:")],
)
def test_llama_cpp_is_told_all_that_its_memory_and_its_answers_depend_on(
    instance_type: str, repository: str
) -> None:
    container = container_of(plan_on(server_of(instance_type), precision="float32"), GIB)
    assert f"/{repository}" in container.definition["Image"]
    assert container.definition["Environment"] == {
        "SM_LLAMA_CPP_MODEL": "/opt/ml/model/model-q8_0.gguf",
        "SM_LLAMA_CPP_ALIAS": "tiles",
        "SM_LLAMA_CPP_CTX_SIZE": str(8 * 1024),
        "SM_LLAMA_CPP_PARALLEL": "8",
        "SM_LLAMA_CPP_TEMP": "0",
        "SM_LLAMA_CPP_TOP_K": "0",
        "SM_LLAMA_CPP_TOP_P": "1",
        "SM_LLAMA_CPP_MIN_P": "0",
        "SM_LLAMA_CPP_CACHE_RAM": "0",
        "SM_LLAMA_CPP_JINJA": "true",
        "SM_LLAMA_CPP_METRICS": "true",
        "SM_LLAMA_CPP_NO_PREFILL_ASSISTANT": "true",
    }
    assert (container.at_once, container.memory_gib, container.ami) == (8, 1.5, None)


def test_the_driver_of_a_gpu_s_instances_is_as_new_as_the_cuda_of_its_image() -> None:
    shape = get_session().get_service_model("sagemaker").shape_for("ProductionVariant")
    ami = shape.members["InferenceAmiVersion"]
    container = container_of(plan_on(server_of("ml.g6.xlarge")))
    assert container.ami in ami.enum
    _, _, said = ami.documentation.partition(f"<dt>{container.ami}</dt>")
    cuda = re.search(r"CUDA version: (\d+)\.(\d+)", said)
    [image] = [row for row in images().images if row.image in container.definition["Image"]]
    assert image.cuda is not None
    assert cuda is not None
    assert tuple(map(int, cuda.groups())) >= tuple(map(int, image.cuda.split(".")))


def test_an_image_of_a_cuda_for_which_no_driver_is_known_is_not_deployed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown = ServingImage("vllm:next", "cuda", "14.0")
    monkeypatch.setattr("stratos.hosting.container.serving_image", lambda *_: unknown)
    with pytest.raises(DeploymentFailed, match=r"CUDA 14\.0"):
        container_of(plan_on(server_of("ml.g6.xlarge")))


def test_only_a_tiny_model_is_kept_to_one_thread() -> None:
    plan = plan_on(server_of())
    tiny, small = (container_of(plan, size * MIB).definition for size in (16, 17))
    assert tiny["Environment"]["SM_LLAMA_CPP_THREADS"] == "1"
    assert "SM_LLAMA_CPP_THREADS" not in small["Environment"]


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_full_precision_is_in_one_file_whichever_it_is(precision: str) -> None:
    plan = plan_on(server_of(), "float32", served=precision)
    assert container_of(plan).definition["Environment"]["SM_LLAMA_CPP_MODEL"] == (
        "/opt/ml/model/model.gguf"
    )


def test_the_server_of_this_machine_takes_every_argument_that_a_container_is_told() -> None:
    told = parameters_of(arguments_of(environment("ml.local.cpu1", "float32")))
    assert told.model.path == "/opt/ml/model/model-q8_0.gguf"
    assert (told.n_ctx, told.n_parallel) == (8192, 8)


def test_an_artifact_of_before_is_refused_on_a_cpu_and_served_on_a_gpu_as_it_was() -> None:
    def of_before(instance_type: str) -> Plan:
        return plan_on(server_of(instance_type)).model_copy(update={"engine": None})

    with pytest.raises(DeploymentFailed, match=r"has no GGUF to serve\. Submit the spec again"):
        container_of(of_before("ml.c7i.xlarge"))
    container = container_of(of_before("ml.g6.xlarge"))
    assert "SM_VLLM_MAX_MODEL_LEN" not in container.definition["Environment"]
    assert (container.at_once, container.memory_gib) == (32, None)


def test_where_no_image_serves_it_the_deployment_fails_with_the_reason() -> None:
    with pytest.raises(DeploymentFailed, match="compiled for Graviton3"):
        container_of(plan_on(server_of("ml.c6g.xlarge")))


def test_a_container_has_minutes_to_start_and_more_for_larger_weights():
    def allowed(instance_type: str, num_bytes: int) -> tuple[int, int]:
        found = container_of(plan_on(server_of(instance_type)), num_bytes)
        return found.download_seconds, found.start_seconds

    assert allowed("ml.c7i.xlarge", 2 * MIB) == (61, 121)
    assert allowed("ml.g5.xlarge", 2 * MIB)[1] >= 900
    assert allowed("ml.g5.xlarge", 10 * GIB)[1] == 900 + 1200
    assert allowed("ml.g5.xlarge", 500 * GIB) == (3600, 3600)


def test_an_artifact_holds_the_base_the_full_gguf_and_the_quantised_one() -> None:
    full = expected_artifact_bytes(1e9)
    assert 2e9 < full < 4e9  # two files of 16 bits, which compress
    assert expected_artifact_bytes(1e9, "q8_0") - full == pytest.approx(1.06e9)
    assert full < expected_artifact_bytes(1e9, "q4_k_m") < expected_artifact_bytes(1e9, "q8_0")
    assert expected_artifact_bytes(1e9, "float32") > 2 * full
    assert expected_artifact_bytes(1e9, "bfloat16") == full
