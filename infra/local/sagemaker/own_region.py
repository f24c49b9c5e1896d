"""What SageMaker takes from its own region only: container images and keys.

Buckets are refused when they are read or written (`infra.local.host.transfers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException

from infra.local.iam.sessions import region_of


def training_violations(parameters: Mapping[str, Any], region: str) -> Iterator[str]:
    """What a training job asks for that is in another region, in SageMaker's words.

    The one on images: https://github.com/aws-samples/mlops-amazon-sagemaker/issues/9.
    """
    image = str((parameters.get("AlgorithmSpecification") or {}).get("TrainingImage") or "")
    if (found := _region_of_image(image)) not in ("", region):
        yield (
            f"Invalid DNS suffix 'amazonaws.com' for region '{found}' in training image. Please "
            f"provide the valid <region>.<dns-suffix>: '{region}.amazonaws.com'"
        )
    keys = {
        "OutputDataConfig": "KmsKeyId",
        "ResourceConfig": "VolumeKmsKeyId",
    }
    for part, field in keys.items():
        yield from _key_violations((parameters.get(part) or {}).get(field), region)


def refuse_foreign_images(backend: Any, parameters: dict[str, Any]) -> None:
    """Refuse a model whose image is in another region.

    https://github.com/aws/sagemaker-pytorch-inference-toolkit/pull/7
    """
    primary = parameters.get("PrimaryContainer") or {}
    for container in (primary, *(parameters.get("Containers") or ())):
        image = str(container.get("Image") or "")
        if _region_of_image(image) not in ("", backend.region_name):
            raise AWSValidationException(
                f'Region of "{image}" does not match expected region of {backend.region_name}. '
                "Cross region ECR image pulls are not allowed."
            )


def _region_of_image(image: str) -> str:
    """The region of its registry; empty for an image that is in none of ECR."""
    parts = image.partition("/")[0].split(".")
    return parts[3] if parts[1:3] == ["dkr", "ecr"] and len(parts) > 3 else ""


def _key_violations(key: str | None, region: str) -> Iterator[str]:
    """The words are those for other ARNs: what SageMaker says of a key's is not recorded."""
    if key and key.startswith("arn:") and region_of(key) != region:
        yield f"ARN should be scoped to correct region: {region}"
