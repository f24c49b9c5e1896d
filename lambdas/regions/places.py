"""A job of home becomes a job of the worker: the same keys in the worker's bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.aws.bucket import Bucket
from lambdas.aws.worker_settings import worker_settings
from stratos.contracts.bucket import s3_uri, split_uri
from stratos.contracts.job_start import HOME_REGION
from stratos.pipeline.steps import TrainingJob
from stratos.pipeline.worker_jobs import Home

_AT_HOME_ONLY = ("STRATOS_BEDROCK_ROLE_ARN",)
"""Variables of what a job cannot use from another region."""
_S3 = "s3://"


@dataclass(frozen=True)
class Place:
    """A region's bucket and the key of what lies in it."""

    region: str
    bucket: str
    kms_key_arn: str

    @classmethod
    def of_home(cls, home: Home) -> Place:
        return cls(home.region, home.bucket, home.kms_key_arn)

    @classmethod
    def own(cls) -> Place:
        """Of the worker region that this function belongs to."""
        mine = worker_settings()
        return cls(mine.aws_region, mine.bucket, mine.kms_key_arn)

    @property
    def files(self) -> Bucket:
        return Bucket(self.bucket, self.region)


@dataclass(frozen=True)
class Move:
    """From one region to another."""

    source: Place
    target: Place

    @property
    def back(self) -> Move:
        return Move(self.target, self.source)

    def uri(self, uri: str) -> str:
        """The same key in the other bucket, whatever bucket it is in: archives of code are in the
        one of the CDK's assets, under keys that are hashes of them."""
        _, key = split_uri(uri)
        return s3_uri(self.target.bucket, key)

    def job(self, job: TrainingJob) -> TrainingJob:
        """The job with everything that it reads and writes in the other region."""
        environment = {k: v for k, v in job.environment.items() if k not in _AT_HOME_ONLY}
        return job.model_copy(
            update={
                "hyper_parameters": self._within(job.hyper_parameters),
                "input_data_config": self._within(job.input_data_config),
                "output_data_config": {
                    **self._within(job.output_data_config),
                    "KmsKeyId": self.target.kms_key_arn,
                },
                "checkpoint_config": self._within(job.checkpoint_config),
                "environment": environment
                | {"AWS_DEFAULT_REGION": self.target.region, HOME_REGION: self.source.region},
                "result_uri": self.uri(job.result_uri),
            }
        )

    def config(self, text: str | bytes) -> str:
        """A job's config.json with its URIs in the other region.

        Of a text that a user wrote nothing is changed: a URI is what a field named `…_uri` holds,
        in whatever release wrote the file.
        """
        return json.dumps(self._uri_fields(json.loads(text)), indent=2)

    def described(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """A described job with its URIs in the other region."""
        moved: dict[str, Any] = self._within(dict(job))
        return moved

    def _within(self, value: Any) -> Any:
        """A request's values, in which every text that begins like a URI is one."""
        if isinstance(value, dict):
            return {name: self._within(held) for name, held in value.items()}
        if isinstance(value, list):
            return [self._within(held) for held in value]
        return self.uri(value) if isinstance(value, str) and value.startswith(_S3) else value

    def _uri_fields(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._uri_fields(held) for held in value]
        if not isinstance(value, dict):
            return value
        return {
            name: self._within(held) if name.endswith("_uri") else self._uri_fields(held)
            for name, held in value.items()
        }
