"""Calls to SageMaker's managed MLflow, signed with the job's role.

AWS's plugin (`sagemaker-mlflow`) is one of MLflow's own client, which no job brings. It signs by
botocore, as is done here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from stratos.spec.tracking import ManagedMlflow


class SignedCalls:
    """What `training.tracking.mlflow.MlflowServer` asks for headers."""

    def __init__(self, managed: ManagedMlflow, credentials: Credentials | None = None) -> None:
        """
        Args:
            credentials: By default the job's role's, which are renewed as they end.
        """
        self._managed, self._credentials = managed, credentials

    def __call__(self, url: str, body: bytes) -> Mapping[str, str]:
        """
        Raises:
            ValueError: there are no credentials.
        """
        if self._credentials is None:
            self._credentials = boto3.Session().get_credentials()
        if self._credentials is None:
            raise ValueError("the job has no credentials of a role to sign with")
        headers = {
            "Content-Type": "application/json",
            "X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest(),
            self._managed.arn_header: self._managed.arn,
        }
        request = AWSRequest("POST", url, headers=headers, data=body)
        # Frozen: the three parts of credentials that are renewed meanwhile would not agree.
        frozen = self._credentials.get_frozen_credentials()
        SigV4Auth(frozen, self._managed.signing_name, self._managed.region).add_auth(request)
        return dict(request.headers.items())
