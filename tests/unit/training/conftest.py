"""A training container on this machine, for the entry modules.

One thread: tiny models gain nothing from more, and tests share the machine.
"""

import json
import signal

import boto3
import pytest
import torch
from moto.server import ThreadedMotoServer

from tests.unit.training.jobs import BASE, BUCKET, lay_out
from tests.unit.training.tiny_models import save_model
from tests.unit.training.tiny_records import with_replies, write_dataset, write_training_records

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environ.setenv("AWS_ACCESS_KEY_ID", "test")
        environ.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environ.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()
    server.stop()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "teacher": save_model(folder / "teacher", seed=1),
        "student": save_model(folder / "student", seed=2, num_hidden_layers=1),
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(folder, train=60, probe=24, heldout=30)
    return folder


@pytest.fixture
def container(tmp_path, monkeypatch, s3, models, dataset):
    """Lay out a training container in `tmp_path`; return what writes the config and runs."""
    handler = signal.getsignal(signal.SIGTERM)
    for channel in ("config", "records"):
        (tmp_path / channel).mkdir(exist_ok=True)
    lay_out(
        tmp_path,
        config=tmp_path / "config",
        dataset=dataset,
        teacher=models["teacher"],
        model=models["teacher"],
        student=models["student"],
        records=tmp_path / "records",
    )
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("STRATOS_CHECKPOINT_DIR", str(tmp_path / "checkpoints"))

    def run(program, hyperparameters=None, **config):
        (tmp_path / "config" / "config.json").write_text(json.dumps({**BASE, **config}))
        lay_out(tmp_path, hyperparameters=hyperparameters)
        (tmp_path / "output" / "failure").unlink(missing_ok=True)
        return program.main()

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def logged(container, tmp_path):
    """Give the dataset logged replies: 50 of 60 to train on (40 right), all 24 of the probe (18),
    20 of 30 held out (10)."""
    folder = tmp_path / "logged"
    folder.mkdir()
    write_dataset(folder, train=60, probe=24, heldout=30)
    with_replies(folder, "train", 50, 40)
    with_replies(folder, "probe", 24, 18)
    with_replies(folder, "heldout", 20, 10)
    lay_out(tmp_path, dataset=folder)
    return folder


@pytest.fixture
def records(tmp_path):
    """Forty verified records in the channel's folder."""
    (tmp_path / "records").mkdir(exist_ok=True)
    write_training_records(tmp_path / "records" / "records.jsonl")
