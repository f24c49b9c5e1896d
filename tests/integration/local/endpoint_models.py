"""Models that are tiny servers or a tiny Llama, and the endpoints that serve them."""

from __future__ import annotations

import json
from typing import Any

from sagemaker_cloud import ROLE, Cloud

from tests.patience import eventually

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
CODE_IMAGE = f"{REGISTRY}/huggingface-pytorch-inference:2.6.0-transformers5.5.3-cpu-py312"
"""Runs the package `serving` that lies in the artifact, so that a test can say how it behaves."""
ENGINE_IMAGE = f"{REGISTRY}/llama-cpp:server-sagemaker-cpu-v1"
SERVER = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAUSE_SECONDS = float(os.environ.get("PAUSE_SECONDS", "0"))
BROKEN = "BROKEN" in os.environ
ANSWER = Path(os.environ["SM_MODEL_DIR"], "answer.txt").read_text()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(200 if self.path == "/ping" else 404, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print("invoked", flush=True)
        if body == b"slow":
            Path(os.environ["SM_MODEL_DIR"], "busy").write_text("")
            time.sleep(1.0)
        time.sleep(PAUSE_SECONDS)
        if BROKEN:
            return self.reply(500, b'{"error": "out of memory"}')
        if body == b"bad":
            return self.reply(422, b'{"error": "no messages"}')
        if body == b"stream":
            return self.stream([b"one ", b"two ", b"three"])
        if body == b"broken":
            return self.stream([b"one "], end=False)
        report = {
            "answer": ANSWER,
            "choices": [{"message": {"role": "assistant", "content": ANSWER}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
            "pid": os.getpid(),
            "body": body.decode("latin-1"),
            "accept": self.headers["Accept"],
            "attributes": self.headers["X-Amzn-SageMaker-Custom-Attributes"],
            "environment": dict(os.environ),
            "path": sys.path,
            "cwd": os.getcwd(),
        }
        self.reply(200, json.dumps(report).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "from-the-model")
        self.end_headers()
        self.wfile.write(body)

    def stream(self, chunks, end=True):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(chunk), chunk))
            self.wfile.flush()
        if end:
            self.wfile.write(b"0\\r\\n\\r\\n")
        else:
            self.close_connection = True


port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
DIES = "raise SystemExit('no weights in the model directory')\n"


def create_config(
    cloud: Cloud,
    name: str,
    *,
    program: str = SERVER,
    environment: dict[str, str] | None = None,
    queue: dict[str, Any] | None = None,
    **variant: object,
) -> None:
    """A model whose answer is its name, and an endpoint configuration of it."""
    uri = cloud.put_tar(
        f"models/{name}.tar.gz",
        {"answer.txt": name, "code/serving/__main__.py": program, "code/serving/__init__.py": ""},
    )
    cloud.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": CODE_IMAGE.replace("us-east-1", cloud.region),
            "ModelDataUrl": uri,
            "Environment": {
                "WEIGHTS": "/opt/ml/model/weights",
                "MAX_TOKENS": "64",
                **(environment or {}),
            },
        },
    )
    instances = {"InstanceType": "ml.local.cpu1", "InitialInstanceCount": 1}
    if "ServerlessConfig" in variant:
        instances = {}
    # boto3 itself allows no startup time below a minute.
    cloud.client("sagemaker", parameter_validation=False).create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "main",
                "ModelName": name,
                "InitialVariantWeight": 1.0,
                **{
                    name: value
                    for name, value in (instances | variant).items()
                    if value is not None
                },
            }
        ],
        **({"AsyncInferenceConfig": queue} if queue else {}),
    )


def create_engine_model(cloud: Cloud, name: str, gguf: bytes, image: str = ENGINE_IMAGE) -> None:
    """A model whose artifact is one GGUF, set up as a plan's container is."""
    container = {
        "Image": image,
        "ModelDataUrl": cloud.put_tar(f"models/{name}.tar.gz", {"model.gguf": gguf}),
        "Environment": {
            "SM_LLAMA_CPP_MODEL": "/opt/ml/model/model.gguf",
            "SM_LLAMA_CPP_ALIAS": name,
            "SM_LLAMA_CPP_CTX_SIZE": "512",
            "SM_LLAMA_CPP_PARALLEL": "2",
            "SM_LLAMA_CPP_TEMP": "0",
            "SM_LLAMA_CPP_JINJA": "true",
        },
    }
    cloud.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)


def describe(cloud: Cloud, name: str) -> dict[str, Any]:
    return cloud.sagemaker.describe_endpoint(EndpointName=name)


def settled(cloud: Cloud, name: str) -> dict[str, Any]:
    return eventually(
        lambda: describe(cloud, name),
        lambda endpoint: endpoint["EndpointStatus"] in {"InService", "Failed"},
    )


def invoke(cloud: Cloud, name: str, body: bytes = b"{}", **named: str) -> dict[str, Any]:
    runtime = cloud.client("sagemaker-runtime")
    response = runtime.invoke_endpoint(EndpointName=name, Body=body, **named)
    return response | {"Body": json.loads(response["Body"].read())}
