"""Calls to SageMaker's managed MLflow, judged by a server that works the signature out itself."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.credentials import Credentials

from stratos.spec.tracking import ManagedMlflow
from tests.unit.training.tracking.mlflow_stand_in import mlflow_stand_in
from training.tracking.managed_mlflow import SignedCalls
from training.tracking.mlflow import MlflowRefused, MlflowRun, MlflowServer
from training.tracking.tracker import TrainingPoint

KEY = "wJalrXUtnFEMI"
ROLE = Credentials("AKIDEXAMPLE", KEY, "session")
SERVER = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/mine"
APP = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-1"
POINTS = [TrainingPoint(1, 10.0, {"loss": 0.5})]

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed_for(
    service: str, region: str = "eu-west-1"
) -> Callable[[Mapping[str, str], str, bytes], bool]:
    """What lets a call in that is signed as AWS's guide says, written from the guide.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """

    def lets_in(headers: Mapping[str, str], path: str, body: bytes) -> bool:
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            return False
        _, day, to_region, to_service, names, signature = found.groups()
        digest = hashlib.sha256(body).hexdigest()
        signed = [f"{name}:{headers[name].strip()}" for name in names.split(";")]
        canonical = "\n".join(["POST", urlsplit(path).path, "", *signed, "", names, digest])
        scope = f"{day}/{to_region}/{to_service}/aws4_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashed])
        key = f"AWS4{KEY}".encode()
        for part in (day, to_region, to_service, "aws4_request"):
            key = _hmac(key, part)
        asked = (to_service, to_region, headers["x-amz-security-token"], "host" in names)
        whole = headers["x-amz-content-sha256"] == digest and hmac.compare_digest(
            _hmac(key, text).hex(), signature
        )
        return whole and asked == (service, region, "session", True)

    return lets_in


def tracker(uri: str, arn: str, credentials: Credentials = ROLE) -> MlflowServer:
    managed = ManagedMlflow.of(arn)
    assert managed is not None
    run = MlflowRun("tiles", "tiles-0123/distill-a0", {})
    return MlflowServer(uri, run, SignedCalls(managed, credentials))


@pytest.mark.parametrize(
    ("arn", "service", "header"),
    [
        (SERVER, "sagemaker-mlflow", "x-mlflow-sm-tracking-server-arn"),
        (APP, "sagemaker", "x-sm-mlflow-app-arn"),
    ],
)
def test_every_call_is_signed_for_its_service_and_names_its_server(
    arn: str, service: str, header: str
) -> None:
    judge, named = signed_for(service), set()

    def lets_in(headers: Mapping[str, str], path: str, body: bytes) -> bool:
        named.add(headers.get(header))
        return judge(headers, path, body)

    with mlflow_stand_in(lets_in) as mlflow:
        told = tracker(mlflow.uri, arn)
        told.keep(POINTS)
        told.end("finished")
    assert named == {arn}
    assert [metric["value"] for metric in mlflow.metrics["run-0"]] == [0.5]
    assert mlflow.runs[0]["info"]["status"] == "FINISHED"


@pytest.mark.parametrize(
    ("credentials", "service"),
    [
        (Credentials("AKIDEXAMPLE", "another key", "session"), "sagemaker-mlflow"),
        (ROLE, "sagemaker"),
    ],
)
def test_a_signature_of_another_key_or_for_another_service_is_refused(
    credentials: Credentials, service: str
) -> None:
    with mlflow_stand_in(signed_for(service)) as mlflow, pytest.raises(MlflowRefused, match="403"):
        tracker(mlflow.uri, SERVER, credentials).keep(POINTS)


def test_the_jobs_own_role_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3.Session, "get_credentials", lambda _: ROLE)
    managed = ManagedMlflow.of(APP)
    assert managed is not None
    headers = SignedCalls(managed)("https://mlflow.sagemaker.eu-west-1.app.aws/api", b"{}")
    assert "Credential=AKIDEXAMPLE/" in headers["Authorization"]


def test_a_job_without_a_role_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3.Session, "get_credentials", lambda _: None)
    managed = ManagedMlflow.of(APP)
    assert managed is not None
    with pytest.raises(ValueError, match="no credentials of a role"):
        SignedCalls(managed)("https://mlflow.sagemaker.eu-west-1.app.aws/api", b"{}")
