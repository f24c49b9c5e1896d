"""A bucket on this machine with tiny models and records, and jobs made from them."""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydantic import TypeAdapter

from infra.packaging.assets import build_assets
from lambdas.aws.clients import made_client
from lambdas.aws.settings import settings
from lambdas.jobs.factory import JobFactory
from stratos.contracts.bucket import split_uri
from stratos.contracts.jobs import AnyJobConfig
from stratos.contracts.plan import Server
from stratos.pipeline.steps import TrainingJob
from tests import factories
from tests.integration.containers.machine import ROOT
from tests.integration.containers.sandbox import require_namespaces
from tests.stack_environment import stack_environment
from tests.unit.training.jobs import BASE
from tests.unit.training.tiny_models import save_model
from tests.unit.training.tiny_records import write_dataset, write_training_records
from training.container.packages import interpreter_tag

BUCKET = factories.run_ref().bucket
SOURCE_URI, PACKAGES_URI = f"s3://{BUCKET}/assets/0a1b.gz", f"s3://{BUCKET}/assets/2c3d.gz"
"""As the CDK publishes archives: the hash, and the last part of the name."""
BROUGHT = "brought_by_the_archive.py"
CHECKER = b"def check(question, answer, rationale): return []"
MakeJob = Callable[..., TrainingJob]


@pytest.fixture(scope="module", autouse=True)
def namespaces(tmp_path_factory: pytest.TempPathFactory) -> None:
    require_namespaces(tmp_path_factory.mktemp("namespaces"))


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    # Every request would be a line in the report of a test that failed.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environ:
        for name, value in {
            **stack_environment(BUCKET, "us-east-1"),
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "SOURCE_URI": SOURCE_URI,
            "PACKAGES_URI": PACKAGES_URI,
        }.items():
            environ.setenv(name, value)
        made_client.cache_clear()
        settings.cache_clear()
        found = boto3.client("s3")
        found.create_bucket(Bucket=BUCKET)
        yield found
        found.close()
    made_client.cache_clear()
    settings.cache_clear()
    server.stop()


@pytest.fixture(scope="module")
def bucket(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The bucket with the archives, two models, a dataset and records."""
    folder = tmp_path_factory.mktemp("bucket")
    put_folder(s3, save_model(folder / "teacher", seed=1), "models/teacher")
    put_folder(s3, save_model(folder / "student", seed=2, num_hidden_layers=1), "models/student")
    for file in write_dataset(folder, train=12, probe=6, heldout=6):
        s3.upload_file(str(file), BUCKET, f"dataset/{file.name}")
    write_training_records(folder / "records.jsonl")
    s3.upload_file(str(folder / "records.jsonl"), BUCKET, "records/records.jsonl")
    s3.put_object(Bucket=BUCKET, Key="no-records/records.jsonl", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="no-model/notes.txt", Body=b"a model was to be here")
    s3.upload_file(str(build_assets(ROOT).source), BUCKET, split_uri(SOURCE_URI)[1])
    packages = {f"{interpreter_tag()}/{BROUGHT}": b""}
    put_archive(s3, packages, split_uri(PACKAGES_URI)[1])
    return s3


def put_folder(s3: Any, folder: Path | str, prefix: str) -> None:
    for path in Path(folder).iterdir():
        s3.upload_file(str(path), BUCKET, f"{prefix}/{path.name}")


def put_archive(s3: Any, files: dict[str, bytes], key: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    s3.put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())


@pytest.fixture(scope="module")
def make_job(bucket: Any) -> MakeJob:
    """Make a job as the functions do: kind, its channels by key, and fields of its config."""
    adapter: TypeAdapter[AnyJobConfig] = TypeAdapter(AnyJobConfig)
    made: dict[str, int] = {}

    def make(
        kind: str,
        channels: dict[str, str],
        hyper_parameters: dict[str, str] | None = None,
        devices: int = 1,
        **fields: Any,
    ) -> TrainingJob:
        made[kind] = made.get(kind, -1) + 1
        step = f"{kind}-a{made[kind]}"
        uris = {name: f"s3://{BUCKET}/{step}/{name}.json" for name in ("result", "progress")}
        base = BASE | {f"{name}_uri": uri for name, uri in uris.items()}
        config = adapter.validate_python({**base, "kind": kind, **fields})
        factory = JobFactory(factories.run_ref(), factories.spec())
        checker = split_uri(factory.files.checker_uri)[1] + "checker.py"
        bucket.put_object(Bucket=BUCKET, Key=checker, Body=CHECKER)
        server = Server(
            instance_type="ml.c7i.xlarge",
            count=1,
            region="us-east-1",
            purchase="on_demand",
            usd_per_hour=1.0,
            devices=devices,
        )
        prefixes = {name: f"s3://{BUCKET}/{key}/" for name, key in channels.items()}
        return factory.make(step, config, [server], prefixes, hyper_parameters)

    return make
