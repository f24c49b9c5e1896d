"""A real llama.cpp behind endpoints and transform jobs: what it refuses, and how it comes back."""

from __future__ import annotations

import json
from contextlib import suppress

import psutil
import pytest
from botocore.exceptions import ClientError
from endpoint_models import ENGINE_IMAGE, create_engine_model, describe, settled
from sagemaker_cloud import BUCKET, running_cloud

from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from infra.local.sagemaker.transform.jobs import TransformJobProcesses
from tests.patience import eventually
from tests.tiny_gguf import write_tiny_gguf

ASKED = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 8}


@pytest.fixture(scope="module")
def gguf(tmp_path_factory) -> bytes:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "model.gguf").read_bytes()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, gguf):
    seams = [EndpointProcesses(), TransformJobProcesses()]
    with running_cloud(seams, tmp_path_factory.mktemp("state")) as running:
        create_engine_model(running, "tiny", gguf)
        yield running


def create_endpoint(cloud, name, model):
    variant = {
        "VariantName": "main",
        "ModelName": model,
        "InstanceType": "ml.local.cpu1",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }
    cloud.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return settled(cloud, name)


@pytest.fixture(scope="module")
def live(cloud):
    described = create_endpoint(cloud, "live", "tiny")
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")


def ask(cloud, body):
    runtime = cloud.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="live", Body=json.dumps(body).encode())
    return json.loads(answer["Body"].read())


def test_an_endpoint_answers_whole_and_piece_by_piece(cloud, live):
    told = ask(cloud, ASKED)
    assert (told["model"], told["usage"]["completion_tokens"]) == ("tiny", 8)
    runtime = cloud.client("sagemaker-runtime")
    streamed = runtime.invoke_endpoint_with_response_stream(
        EndpointName="live", Body=json.dumps(ASKED | {"stream": True}).encode()
    )
    text = b"".join(event["PayloadPart"]["Bytes"] for event in streamed["Body"]).decode()
    events = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert events[-1] == "[DONE]"
    pieces = [json.loads(event)["choices"] for event in events[:-1]]
    written = "".join(p[0]["delta"].get("content") or "" for p in pieces if p)
    assert written == told["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    "body", [{"inputs": "x"}, ASKED | {"messages": [{"role": "user", "content": "x" * 600}]}]
)
def test_what_llama_server_refuses_is_a_model_error_with_its_400(cloud, live, body):
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        ask(cloud, body)
    assert caught.value.response["OriginalStatusCode"] == 400
    assert json.loads(caught.value.response["OriginalMessage"])["error"]["code"] == 400


def engine(cloud) -> psutil.Process:
    """The native server below this cloud's endpoint."""
    home = str(cloud.settings.state_dir.resolve())
    found = []
    for process in psutil.Process().children(recursive=True):
        # What has ended may still be listed.
        with suppress(psutil.NoSuchProcess):
            ours = process.cwd().startswith(home)
            if ours and "serving.llama_cpp.server" in process.cmdline():
                found.append(process)
    (only,) = found
    return only


def test_an_engine_that_is_killed_comes_back_on_the_same_endpoint(cloud, live):
    killed = engine(cloud)
    killed.kill()

    def answered():
        try:
            return ask(cloud, ASKED)
        except ClientError as error:
            return {"error": error.response["Error"]["Code"]}

    told = eventually(answered, lambda seen: "choices" in seen)
    assert told["usage"]["completion_tokens"] == 8
    assert engine(cloud).pid != killed.pid
    assert describe(cloud, "live")["EndpointStatus"] == "InService"


def test_a_damaged_model_fails_its_endpoint_with_the_engines_words(cloud):
    create_engine_model(cloud, "damaged", b"no weights")
    described = create_endpoint(cloud, "damaged", "damaged")
    assert described["EndpointStatus"] == "Failed"
    assert "llama-server ended with code 1" in described["FailureReason"]
    assert "model.gguf" in described["FailureReason"]


def test_an_image_that_cannot_run_here_fails_its_endpoint_with_what_can(cloud, gguf):
    create_engine_model(cloud, "for-gpu", gguf, ENGINE_IMAGE.replace("llama-cpp", "vllm"))
    described = create_endpoint(cloud, "for-gpu", "for-gpu")
    assert described["EndpointStatus"] == "Failed"
    assert "it has no GPU for vLLM" in described["FailureReason"]


def transform(cloud, name, *lines):
    cloud.put(f"in/{name}/0.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/{name}/"}
    cloud.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName="tiny",
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=4,
        ModelClientConfig={"InvocationsMaxRetries": 0},
        TransformInput={
            "DataSource": {"S3DataSource": source},
            "ContentType": "application/json",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out/{name}", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.local.cpu1", "InstanceCount": 1},
    )
    return eventually(
        lambda: cloud.sagemaker.describe_transform_job(TransformJobName=name),
        lambda job: job["TransformJobStatus"] in {"Completed", "Failed"},
    )


def test_a_batch_is_answered_line_by_line_and_one_refused_line_fails_its_file(cloud):
    done = transform(cloud, "good", ASKED, ASKED)
    assert done["TransformJobStatus"] == "Completed", done.get("FailureReason")
    answers = cloud.get(f"s3://{BUCKET}/out/good/0.jsonl.out").splitlines()
    assert [json.loads(line)["usage"]["completion_tokens"] for line in answers] == [8, 8]
    refused = transform(cloud, "bad", ASKED, {"inputs": "x"}, ASKED)
    assert refused["TransformJobStatus"] == "Failed"
    assert "status 400" in refused["FailureReason"]
    assert cloud.keys("out/bad") == []
